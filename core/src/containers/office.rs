//! Document properties as office programs use them, whatever file they stand in.

use crate::survey::Kind;

/// Keys that a program keeps in the custom properties for itself, lower case: Office's document parts and review
/// cycles, `SharePoint`'s document ids and templates, WPS, Visio, mail merge of equation and citation programs.
const BOOKKEEPING: [&str; 62] = [
    "_adhocreviewcycleid",
    "_lcid",
    "_markasfinal",
    "_newreviewcycle",
    "_previousadhocreviewcycleid",
    "_reviewcycleid",
    "_reviewingtoolsshownonce",
    "_templateid",
    "_version",
    "_vpid_alternatenames",
    "appversion",
    "buildnumbercreated",
    "buildnumberedited",
    "contenttype",
    "contenttypeid",
    "docsecurity",
    "hyperlinkbase",
    "hyperlinkschanged",
    "icv",
    "ismetric",
    "ksoproductbuildver",
    "ksorubytemplateid",
    "ksotemplateuuid",
    "ksotemplatedocersaverecord",
    "lcf76f155ced4ddcb4097134ff3c332f",
    "linksuptodate",
    "mediaserviceautokeypoints",
    "mediaserviceimagetags",
    "mediaservicekeypoints",
    "mtequationnumber2",
    "mtequationsection",
    "mtmacequation",
    "mtwinequation",
    "mtwinequations",
    "mtwineqns",
    "order",
    "progid",
    "scalecrop",
    "sharedcontenttype",
    "sharedoc",
    "sharedwithusers",
    "taxcatchall",
    "taxcatchalllabel",
    "templateurl",
    "timeedited",
    "triggerflowinfo",
    "wopi",
    "workbookguid",
    "xd_progid",
    "xd_signature",
    "_colorhex",
    "_colortag",
    "_copysource",
    "_emoji",
    "_extendeddescription",
    "_sharedfileindex",
    "_sourceurl",
    "complianceassetid",
    "migrationwizid",
    "migrationwizidpermissions",
    "migrationwizidversion",
    "sourceurl",
];

/// Beginnings of such keys, lower case.
const BOOKKEEPING_FAMILIES: [&str; 8] =
    ["_dlc_", "_pid_", "_vpid_", "docsecurity_", "mendeley", "zotero_", "mediaservice", "cwm"];

/// Who chose a key of a custom property.
pub(crate) fn kind(key: &str) -> Kind {
    let key = key.to_ascii_lowercase();
    let is_own = BOOKKEEPING.contains(&&*key) || BOOKKEEPING_FAMILIES.iter().any(|family| key.starts_with(family));
    if is_own { Kind::Bookkeeping } else { Kind::Custom }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_own_keys_are_told_from_labels() {
        assert_eq!(kind("ContentTypeId"), Kind::Bookkeeping);
        assert_eq!(kind("_dlc_DocIdItemGuid"), Kind::Bookkeeping);
        assert_eq!(kind("MSIP_Label_x_Name"), Kind::Custom);
        assert_eq!(kind("id"), Kind::Custom);
    }
}
