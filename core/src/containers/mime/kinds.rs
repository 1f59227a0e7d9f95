//! Who chose the name of a header field.

use crate::survey::Kind;

/// Fields that standards define, sorted: the permanent message header registry, signatures, lists, reports, news. Those
/// of MIME begin with `content-`.
const STANDARD: [&str; 116] = [
    "accept-language",
    "alternate-recipient",
    "approved",
    "arc-authentication-results",
    "arc-message-signature",
    "arc-seal",
    "archive",
    "archived-at",
    "authentication-results",
    "auto-submitted",
    "autoforwarded",
    "autosubmitted",
    "base",
    "bcc",
    "bimi-indicator",
    "bimi-location",
    "bimi-selector",
    "cc",
    "comments",
    "control",
    "conversion",
    "conversion-with-loss",
    "date",
    "date-received",
    "deferred-delivery",
    "delivered-to",
    "delivery-date",
    "discarded-x400-ipms-extensions",
    "discarded-x400-mts-extensions",
    "disclose-recipients",
    "disposition-notification-options",
    "disposition-notification-to",
    "distribution",
    "dkim-signature",
    "dl-expansion-history",
    "domainkey-signature",
    "downgraded-final-recipient",
    "encoding",
    "encrypted",
    "envelope-to",
    "errors-to",
    "expires",
    "expiry-date",
    "followup-to",
    "from",
    "generate-delivery-report",
    "importance",
    "in-reply-to",
    "incomplete-copy",
    "injection-date",
    "injection-info",
    "keywords",
    "latest-delivery-time",
    "lines",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-context",
    "message-id",
    "message-type",
    "mime-version",
    "newsgroups",
    "nntp-posting-date",
    "nntp-posting-host",
    "obsoletes",
    "organization",
    "original-encoded-information-types",
    "original-from",
    "original-message-id",
    "original-recipient",
    "originator-return-address",
    "path",
    "posting-version",
    "precedence",
    "prevent-nondelivery-report",
    "priority",
    "received",
    "received-spf",
    "references",
    "relay-version",
    "reply-by",
    "reply-to",
    "require-recipient-valid-since",
    "resent-bcc",
    "resent-cc",
    "resent-date",
    "resent-from",
    "resent-message-id",
    "resent-reply-to",
    "resent-sender",
    "resent-to",
    "return-path",
    "return-receipt-to",
    "sender",
    "sensitivity",
    "snapshot-content-location",
    "subject",
    "summary",
    "supersedes",
    "tls-report-domain",
    "tls-report-submitter",
    "tls-required",
    "to",
    "user-agent",
    "vbr-info",
    "x400-content-identifier",
    "x400-content-return",
    "x400-content-type",
    "x400-mts-identifier",
    "x400-originator",
    "xref",
];

/// Fields in which servers, filters and mail programs note what they did.
const BOOKKEEPING: [&str; 46] = [
    "cancel-lock",
    "feedback-id",
    "mailing-list",
    "status",
    "thread-index",
    "thread-topic",
    "x-antiabuse",
    "x-auth-result",
    "x-authenticated",
    "x-authenticated-sender",
    "x-auto-response-suppress",
    "x-beenthere",
    "x-beenthere-mailman",
    "x-clientproxiedby",
    "x-complaints-to",
    "x-delivered-to",
    "x-dkim-result",
    "x-eopattributedmessage",
    "x-eoptenantattributedmessage",
    "x-flags",
    "x-forwarded-to",
    "x-forwarded-for",
    "x-get-message-sender-via",
    "x-incomingheadercount",
    "x-incomingtopheadermarker",
    "x-keywords",
    "x-ld-processed",
    "x-mailer",
    "x-mimeole",
    "x-mimetrack",
    "x-msmail-priority",
    "x-notes-item",
    "x-original-to",
    "x-originalarrivaltime",
    "x-originating-email",
    "x-originating-ip",
    "x-priority",
    "x-provags-id",
    "x-received",
    "x-sender",
    "x-sender-ip",
    "x-status",
    "x-store-info",
    "x-uid",
    "x-uidl",
    "x-vm-v5-data",
];

/// Beginnings of such names.
const BOOKKEEPING_FAMILIES: [&str; 40] = [
    "arc-",
    "x-amavis-",
    "x-apple-",
    "x-barracuda-",
    "x-brightmail",
    "x-bogosity",
    "x-cloudmark-",
    "x-cmae-",
    "x-evolution",
    "x-exchange-antispam",
    "x-exim-",
    "x-forefront-",
    "x-gm-",
    "x-gmail-",
    "x-gmx-",
    "x-google-",
    "x-imap",
    "x-ironport-",
    "x-kaspersky-",
    "x-mailgun-",
    "x-mailman-",
    "x-me-",
    "x-microsoft-antispam",
    "x-microsoft-exchange-diagnostics",
    "x-mimecast-",
    "x-mozilla-",
    "x-ms-has-",
    "x-ms-office365-",
    "x-ms-oob-",
    "x-ms-publictraffictype",
    "x-ms-tnef-",
    "x-ms-traffic",
    "x-proofpoint-",
    "x-pm-",
    "x-ses-",
    "x-sg-",
    "x-sid-",
    "x-source",
    "x-spam",
    "x-virus-",
];

/// What Exchange notes of a message on its way. The rest of that family is free for administrators, who set labels there.
const EXCHANGE_OWN: [&str; 24] = [
    "antispam",
    "atpmessageproperties",
    "auth",
    "avstamp",
    "bcc",
    "bypass",
    "compauth",
    "connectinginfo",
    "expiration",
    "forest",
    "hygiene",
    "immutableid",
    "messagedirectionality",
    "messagelatency",
    "network-message-id",
    "original",
    "pcl",
    "pfahub",
    "prioritize",
    "processed",
    "prd",
    "recipient-",
    "scl",
    "senderid",
];

/// Who chose the field with this lower-case name.
pub(crate) fn kind(name: &str) -> Kind {
    if STANDARD.binary_search(&name).is_ok() || name.starts_with("content-") {
        return Kind::Standard;
    }
    if let Some(own) = name.strip_prefix("x-ms-exchange-organization-") {
        let is_own = EXCHANGE_OWN.iter().any(|family| own.starts_with(family));
        return if is_own { Kind::Bookkeeping } else { Kind::Custom };
    }
    let is_own = BOOKKEEPING.contains(&name)
        || name.starts_with("x-ms-exchange-")
        || BOOKKEEPING_FAMILIES.iter().any(|family| name.starts_with(family));
    if is_own { Kind::Bookkeeping } else { Kind::Custom }
}

/// Whether a reader needs the field with this lower-case name to read what follows the header.
pub(super) fn is_structure(name: &str) -> bool {
    matches!(name, "content-type" | "content-transfer-encoding" | "mime-version" | "content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_told_from_what_servers_note() {
        assert!(STANDARD.is_sorted());
        for label in
            ["msip_labels", "x-protective-marking", "x-ms-exchange-organization-classification", "x-id", "dlp-product"]
        {
            assert_eq!(kind(label), Kind::Custom, "{label}");
        }
        for own in ["x-ms-exchange-organization-scl", "x-ms-exchange-crosstenant-id", "x-spam-status", "thread-index"] {
            assert_eq!(kind(own), Kind::Bookkeeping, "{own}");
        }
        for defined in ["subject", "received", "content-anything", "list-id", "xref"] {
            assert_eq!(kind(defined), Kind::Standard, "{defined}");
        }
    }
}
