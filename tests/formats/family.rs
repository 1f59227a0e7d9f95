//! What is true of every file of a family: an absent label changes nothing, a present one goes and nothing else does.
//!
//! A family adds what its own readers say through [`Judge`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use unlabel_core::{Error, ErrorKind, Kind, Layout, Outcome, Site};

use crate::corpus::{self, File};
use crate::oracle::{self, Tags};
use crate::strip::{self, LAYOUTS, Stripped, What};
use crate::{leak, malformed};

/// Labels stripped one at a time per file: more of one file prove little and cost much.
const LABELS_PER_FILE: usize = 4;

/// One strip of one file.
struct Case<'c> {
    file: &'c File,
    input: &'c [u8],
    stripped: &'c Stripped,
    /// The output, under the right extension.
    output_path: &'c Path,
}

/// The readers of a family.
pub(crate) trait Judge {
    /// What they see in a file.
    type Look;

    /// Asks them.
    fn look(path: &Path, bytes: &[u8]) -> Self::Look;

    /// Whether `exiftool` tells the metadata of the file apart from the rest. Of XML that it does not know it makes
    /// tags of every element, in an order of its own.
    fn has_tags(_name: &str) -> bool {
        true
    }

    /// What they hold against the output that they do not hold against the input. `removed` is what was to change.
    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String>;
}

/// The reader of pictures that no program of their own checks: the decoded pixels are the same.
pub(crate) struct Pixels;

impl Judge for Pixels {
    type Look = Result<String, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::pixels(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        (input != output).then(|| "the pixels differ".to_owned()).into_iter().collect()
    }
}

/// What became of the files of a family.
#[derive(Debug, Default)]
struct Table {
    outcomes: BTreeMap<&'static str, usize>,
    reasons: Vec<String>,
}

/// Runs every generic check over the family and writes its table to `target/corpus-table`. The files whose name
/// contains one of `reserved` may end otherwise than clean or stripped; the family says why.
pub(crate) fn judge_all<J: Judge>(prefix: &str, reserved: &[&str]) {
    judge_files::<J>(prefix, |_| true, reserved);
}

/// The same for those files of a family that are wanted.
pub(crate) fn judge_files<J: Judge>(prefix: &str, wants: fn(&File) -> bool, reserved: &[&str]) {
    let files: Vec<File> = corpus::files(prefix).into_iter().filter(wants).collect();
    judge_these::<J>(prefix, &files, reserved);
}

/// The same for files that are not in the corpus.
pub(crate) fn judge_these<J: Judge>(prefix: &str, files: &[File], reserved: &[&str]) {
    oracle::all_present();
    let table = Mutex::new(Table::default());
    let mut complaints: Vec<String> = files
        .par_iter()
        .flat_map_iter(|file| {
            let run = || check_file::<J>(file, &table);
            let mut complaints = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| vec!["panicked".to_owned()]);
            if reserved.iter().any(|name| file.name.contains(name)) {
                complaints.retain(|complaint| !complaint.starts_with(OTHER_OUTCOME));
            }
            complaints.into_iter().map(|complaint| format!("{}: {complaint}", file.name)).collect::<Vec<_>>()
        })
        .collect();
    complaints.sort();
    report(prefix, &table.into_inner().unwrap());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn report(prefix: &str, table: &Table) {
    let mut text = String::new();
    let counts: Vec<String> = table.outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
    let _ = writeln!(text, "{prefix}: {}", counts.join(", "));
    let mut reasons = table.reasons.clone();
    reasons.sort();
    for reason in reasons {
        let _ = writeln!(text, "  {reason}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/corpus-table");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{}.txt", prefix.replace('/', "_"))), &text).unwrap();
    println!("{text}");
}

/// How the complaint begins that a file is neither clean nor stripped.
const OTHER_OUTCOME: &str = "the outcome is";

fn check_file<J: Judge>(file: &File, table: &Mutex<Table>) -> Vec<String> {
    let note = |outcome: &'static str, reason: Option<String>| {
        let mut table = table.lock().unwrap();
        *table.outcomes.entry(outcome).or_default() += 1;
        table.reasons.extend(reason.map(|reason| format!("{outcome}: {}: {reason}", file.name)));
    };
    let input = file.read();
    let sites = match strip::sites(&file.name, &input) {
        Ok(sites) => sites,
        Err(error) => {
            let outcome = Outcome::from(&error);
            note(outcome.name(), Some(error.to_string()));
            return vec![format!("{OTHER_OUTCOME} {}: {error}", outcome.name())];
        }
    };
    let mut complaints = absent_label(file, &input);
    complaints.extend(coverage(file, &sites));
    let mut labels = labels(&sites);
    if labels.is_empty() {
        // Nothing to remove: either that is sure, or the file hides what it holds.
        match strip::strip(&file.name, &input, Layout::Preserve, What::Custom) {
            Ok(stripped) if sites.is_empty() && stripped.report.outcome == Outcome::Clean => note("clean", None),
            Ok(stripped) => {
                let reason = stripped.report.reason.or_else(|| sites.first().map(why)).unwrap_or_default();
                complaints.push(format!("{OTHER_OUTCOME} refused: {reason}"));
                note("refused", Some(reason));
            }
            Err(error) => complaints.push(error.to_string()),
        }
        return complaints;
    }
    let input_path = oracle::scratch(&file.extension(), &input);
    let tags = oracle::exiftool(&input_path);
    if tags.0.get("ExifTool:Warning").is_some_and(|warnings| warnings.iter().any(|text| text.contains("very slow"))) {
        // It says so itself, of one kind of encryption: five seconds a look.
        labels.truncate(1);
    }
    let seen = J::look(&input_path, &input);
    let mut worst = (Outcome::Clean, None);
    for (layout, what) in LAYOUTS.into_iter().flat_map(|layout| labels.iter().map(move |what| (layout, *what))) {
        let started = Instant::now();
        let result = strip::strip(&file.name, &input, layout, what);
        let elapsed = started.elapsed();
        let mut found = Vec::new();
        if elapsed > malformed::LONGEST {
            found.push(format!("took {elapsed:?}"));
        }
        match result {
            Err(error) => {
                worst = worst.max((Outcome::from(&error), Some(error.to_string())));
                found.extend(is_defect(&error).then(|| error.to_string()));
            }
            Ok(stripped) => {
                worst = worst.max((stripped.report.outcome, stripped.report.reason.clone()));
                let output_path = oracle::scratch(&file.extension(), &stripped.output);
                let case = Case { file, input: &input, stripped: &stripped, output_path: &output_path };
                found.extend(check_case(&case, layout, J::has_tags(&file.name).then_some(&tags)));
                found.extend(strip::second(&file.name, &stripped.output, layout, what, stripped.report.outcome));
                if stripped.output != input {
                    found.extend(J::worse(&seen, &J::look(&output_path, &stripped.output), &stripped.removed));
                }
            }
        }
        complaints.extend(found.into_iter().map(|complaint| format!("{what:?} {layout:?}: {complaint}")));
    }
    if !worst.0.is_success() {
        complaints.push(format!("{OTHER_OUTCOME} {}: {}", worst.0.name(), worst.1.as_deref().unwrap_or_default()));
    }
    note(worst.0.name(), worst.1);
    complaints
}

/// Whether an error says that this project is wrong, rather than the file.
fn is_defect(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unverified | ErrorKind::Conflict | ErrorKind::Usage)
        || (error.kind() == ErrorKind::Unsupported && error.format().is_none())
}

fn why(site: &Site) -> String {
    site.barrier.as_ref().map_or_else(|| format!("{} stays", site.address), ToString::to_string)
}

/// The labels to strip: custom ones first, a few per file, and all custom ones together.
fn labels(sites: &[Site]) -> Vec<What<'_>> {
    let mut labels: Vec<(&Kind, &str)> = Vec::new();
    for site in sites.iter().filter(|site| site.barrier.is_none()) {
        if !labels.iter().any(|(_, address)| *address == site.address) {
            labels.push((&site.kind, &site.address));
        }
    }
    labels.sort_by_key(|(kind, _)| **kind);
    let custom = labels.iter().filter(|(kind, _)| **kind == Kind::Custom).count();
    // The first, the last and what lies beside them: keys at either end of a list have their own cases.
    while labels.len() > LABELS_PER_FILE {
        labels.remove(labels.len() / 2);
    }
    let mut labels: Vec<What<'_>> = labels.into_iter().map(|(_, address)| What::Label(address)).collect();
    if custom > 1 {
        labels.push(What::Custom);
    }
    labels
}

fn absent_label(file: &File, input: &[u8]) -> Vec<String> {
    let strip = |layout| strip::strip(&file.name, input, layout, What::Label("no such label 7f3a"));
    let wrong = |layout| match strip(layout) {
        Ok(stripped) if stripped.output != input => Some("the file changes".to_owned()),
        Ok(stripped) if matches!(stripped.report.outcome, Outcome::Clean | Outcome::Refused) => None,
        Ok(stripped) => Some(stripped.report.outcome.name().to_owned()),
        Err(error) => is_defect(&error).then(|| error.to_string()),
    };
    LAYOUTS.into_iter().filter_map(wrong).map(|wrong| format!("an absent label: {wrong}")).collect()
}

/// Keys that independent readers found and the survey does not list.
fn coverage(file: &File, sites: &[Site]) -> Vec<String> {
    let listed = |address: &str| sites.iter().any(|site| site.address.eq_ignore_ascii_case(address));
    file.keys
        .iter()
        .filter_map(|key| {
            let address = match key.split_once(':')? {
                // The list says `key=value` here; an empty value is no label.
                ("core", pair) => match pair.split_once('=')? {
                    (_, "") => return None,
                    (name, _) => format!("core:{name}"),
                },
                ("vc", name) => format!("vorbis:{name}"),
                ("APE", name) => format!("ape:{name}"),
                ("TXXX" | "WXXX", _) => format!("id3:{key}"),
                // Containers of other labels, which are listed themselves.
                ("tEXt" | "zTXt" | "iTXt", name) if name.starts_with("Raw profile") || name.starts_with("XML:com") => {
                    return None;
                }
                ("tEXt" | "zTXt" | "iTXt", name) => format!("png:{name}"),
                ("INFO", name) => format!("riff:{name}"),
                // An item of QuickTime, whose name is a number, or one whose name stands in it.
                ("ilst", name) if name == "----" || name.starts_with('\0') => return None,
                ("freeform", name) => format!("ilst:----:com.apple.iTunes:{name}"),
                ("COM", _) => "jpeg:comment".into(),
                ("opfmeta", name) => format!("opf:{name}"),
                ("opf", name) => name.to_owned(),
                ("simpletag", name) => format!("mkv:{name}"),
                ("hdr", name) => format!("header:{name}"),
                ("userprop", name) => format!("custom:{name}"),
                ("rtf", name) => format!("info:{name}"),
                // What stands behind the end of a name is no part of it. Points in the sound and what plays it are no
                // labels, and a list of comments may be empty.
                ("custom", "") | ("udta", "Xtra") | ("aiff", "MARK" | "INST" | "COMT") => return None,
                ("aiff", name) => format!("aiff:{}", name.trim_end()),
                ("custom" | "docvar" | "tag" | "info" | "xmp" | "ilst" | "mdta" | "udta", _) => {
                    key.split('\0').next()?.to_owned()
                }
                _ => return None,
            };
            (!listed(&address)).then(|| format!("a reader found {key}, the survey does not list {address}"))
        })
        .collect()
}

/// What must hold whatever the family is.
fn check_case(case: &Case<'_>, layout: Layout, tags: Option<&Tags>) -> Vec<String> {
    let Case { file, input, stripped, output_path, .. } = case;
    let mut complaints = Vec::new();
    let removed: Vec<&Site> = stripped.removed.iter().collect();
    if removed.is_empty() {
        return complaints;
    }
    // Another program may have coded a part, or a long file inside, more tightly than can be done here.
    let inside = removed.iter().any(|site| is_inside(site));
    let room = if inside { TIGHTER + input.len() / 128 } else { TIGHTER };
    let is_weaker = WEAKER.contains(&&*file.family);
    let room = if is_weaker { TIGHTER + input.len() / 4 } else { room };
    match layout {
        Layout::Preserve if is_weaker && (input.len()..=input.len() + room).contains(&stripped.output.len()) => {}
        Layout::Preserve if inside && stripped.output.len().abs_diff(input.len()) <= room => {}
        Layout::Preserve if stripped.output.len() != input.len() && !CUT.contains(&&*file.family) => {
            complaints.push(format!("{} bytes became {}", input.len(), stripped.output.len()));
        }
        Layout::Compact if stripped.output.len() > input.len() + room => {
            complaints.push(format!("{} bytes grew to {}", input.len(), stripped.output.len()));
        }
        _ => {}
    }
    let told = |site: &Site| (site.address.clone(), site.value.clone(), site.raw_value.clone(), site.kind);
    let (kept, after): (Vec<_>, Vec<_>) =
        (stripped.kept.iter().map(told).collect(), stripped.after.iter().map(told).collect());
    if kept != after {
        let gone: Vec<_> = kept.iter().filter(|site| !after.contains(site)).map(|site| &site.0).collect();
        let new: Vec<_> = after.iter().filter(|site| !kept.contains(site)).map(|site| &site.0).collect();
        complaints.push(format!("kept sites differ: gone {gone:?}, new {new:?} ({} → {})", kept.len(), after.len()));
    }
    if let Some(tags) = tags {
        complaints.extend(tag_complaints(&removed, stripped, tags, &oracle::exiftool(output_path)));
    }
    // What the report admits is no leak; that a file is partial is a complaint of its own.
    // Mail is plain text, whose fields and bodies its own reader compares one by one.
    if stripped.report.outcome == Outcome::Stripped && !CUT.contains(&&*file.family) {
        complaints.extend(leaks(file, case, &removed));
    }
    complaints
}

/// Whether a site stands in a file inside the file: of one that is a single text the place is that of the member.
pub(crate) fn is_inside(site: &Site) -> bool {
    let texts = ["meta", "http-equiv", "json", "metadata", "yaml", "frontmatter", "rdf", "xmp", "svg"];
    let is_own = site.place.is_empty() || site.place.ends_with("meta.xml");
    site.place.contains(" › ") || (!is_own && texts.contains(&&*carrier(site)))
}

/// Bytes by which a compact result may be longer than its input.
const TIGHTER: usize = 32;

/// Families that have no filler, so that every plan cuts.
const CUT: [&str; 2] = ["avro", "eml"];

/// Families with codecs of which ours are the weaker, so that a file may grow at its end.
const WEAKER: [&str; 1] = ["orc"];

/// Tags that follow from others, and may change when those go.
const DERIVED: &[&str] = &[
    // The length of tags, padding, and blocks that it does not know or does not look into.
    "File:ID3Size",
    "FLAC:Padding",
    "FLAC:ApplicationUnknown",
    "ID3_CHAP",
    "ID3_CTOC",
    // Of a tag without one it says that there is none.
    "ID3v1:Genre",
    // Of a comment that goes, and the length of what is shorter.
    "AIFF:CommentTime",
    "AIFF:MarkerID",
    "RIFF:RIFFSize64",
    "RIFF:Unknown_ID3",
    "RIFF:Unknown_JUNK",
    "File:ID3Size",
    // Which of them it shows depends on the files it read before; another reader compares them.
    "XMP-meta:User-defined",
    // Names in UTF-16 it cuts after their first letter, and takes what follows for fields.
    "FlashPix:TagK",
    "FlashPix:PresentationTarget",
    // What a removed Photoshop resource becomes.
    "Photoshop:Photoshop_0x1387",
    "File:CurrentIPTCDigest",
    "Photoshop:IPTCDigest",
    "File:ExifByteOrder",
    "IFD1:ThumbnailOffset",
    "MPF0:",
    "MPImage",
    "XMP-xmpNote:HasExtendedXMP",
    "XMP-x:XMPToolkit",
    "ExifTool:Warning",
    // What follows an edit in Matroska.
    "Matroska:CRC-32",
    "Matroska:SeekID",
    "Matroska:TagTrackUID",
    "Matroska:TargetType",
    "Matroska:SeekPosition",
    "Matroska:CueClusterPosition",
    ":CodecPrivate",
    // Filler of MP4, where its media is, and what it reads from the parameters of the encoder.
    "Meta:Free",
    "Unknown_free",
    "QuickTime:MediaDataOffset",
    "QuickTime:Audio",
];

fn squash(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Fields that `exiftool` calls otherwise than their format does.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("creatim", "createdate"),
    ("revtim", "modifydate"),
    ("printim", "lastprinted"),
    ("shareddocument", "shareddoc"),
    ("linksdirty", "linksuptodate"),
    ("pidlinkbase", "hyperlinkbase"),
    ("createtime", "createdate"),
    ("lastsavetime", "modifydate"),
    ("edittime", "totaledittime"),
    ("lastauthor", "lastmodifiedby"),
    ("pidhlinks", "hyperlinks"),
    ("titlesofparts", "titleofparts"),
    ("applicationname", "software"),
    ("creationdate", "createdate"),
    ("moddate", "modifydate"),
    ("comapplequicktimelocationiso6709", "gpscoordinates"),
    ("gstd", "googletrackduration"),
    ("created", "createdate"),
    ("modified", "modifydate"),
    ("revision", "revisionnumber"),
    ("totaltime", "totaledittime"),
    ("dateutc", "datetimeoriginal"),
    ("apic", "picture"),
    ("txxx", "userdefinedtext"),
    ("tcon", "genre"),
    ("tcmp", "compilation"),
    ("comm", "comment"),
    ("metadatablockpicture", "picture"),
];

/// The names under which a reader may show a site.
fn names(site: &Site) -> Vec<String> {
    let address = site.address.rsplit(':').next().unwrap_or_default();
    // In a frame of its own, a label is called what the frame is.
    let frame = site.address.strip_prefix("id3:").and_then(|rest| rest.split(':').next());
    let own =
        [&*site.key, address].into_iter().chain(frame).chain(site.aliases.iter().map(|alias| &**alias)).map(squash);
    let mut names: Vec<String> = own.collect();
    let others = OTHER_NAMES.iter().filter(|(name, _)| names.iter().any(|own| own == name));
    names.extend(others.map(|(_, other)| (*other).to_owned()).collect::<Vec<_>>());
    names
}

fn tag_complaints(removed: &[&Site], stripped: &Stripped, before: &Tags, after: &Tags) -> Vec<String> {
    let diff = before.diff(after);
    let mut complaints = Vec::new();
    // The maker's name tells readers how to read the MakerNote.
    let maker = removed.iter().find(|site| site.address == "exif:Make").and_then(|site| site.value.as_deref());
    let maker = maker.and_then(|maker| maker.split_whitespace().next());
    let of_maker = |tag: &str| maker.is_some_and(|maker| tag.starts_with(maker) || tag.starts_with("MakerUnknown:"));
    let derived = |tag: &str| DERIVED.iter().any(|name| tag.contains(name)) || of_maker(tag);
    let explained = |tag: &str, value: &str| {
        let name = squash(tag.rsplit(':').next().unwrap_or_default());
        let value = squash(value);
        removed.iter().any(|site| {
            let own = site.value.as_deref().map(squash).unwrap_or_default();
            // A property linked to a bookmark goes with its link, and one of a document with its name and type.
            let is_part = tag.starts_with("XML:LinkTarget") || tag.contains("DocumentInfo_0x1000");
            let linked = is_part && carrier(site) == "custom";
            let named = linked
                || names(site).iter().any(|own| *own == name || (!own.is_empty() && name.contains(own.as_str())));
            named || (!own.is_empty() && (own.contains(&value) || value.contains(&own)))
        })
    };
    for (tag, value) in diff.removed.iter().filter(|(tag, value)| !derived(tag) && !explained(tag, value)) {
        complaints.push(format!("exiftool no longer sees {tag} = {}", shorten(value)));
    }
    for (tag, value) in diff.added.iter().filter(|(tag, _)| !derived(tag)) {
        // A list that lost an item, or a structure that lost a field, shows as removed and added.
        if !diff.removed.iter().any(|(other, _)| other == tag) {
            complaints.push(format!("exiftool now sees {tag} = {}", shorten(value)));
        }
    }
    for (tag, value) in &diff.added {
        if tag == "ExifTool:Warning" && !value.to_ascii_lowercase().contains("minor") {
            complaints.push(format!("exiftool now warns: {value}"));
        }
    }
    let kept: Vec<(String, Vec<String>)> = stripped.kept.iter().map(|site| (carrier(site), names(site))).collect();
    for site in removed {
        let Some(group) = group(site) else { continue };
        let shares = |name: &String| kept.iter().any(|(other, names)| *other == carrier(site) && names.contains(name));
        for (tag, values) in &after.0 {
            let (tag_group, name) = tag.rsplit_once(':').unwrap_or_default();
            let name = squash(name);
            if tag_group.starts_with(group) && names(site).contains(&name) && !shares(&name) {
                complaints.push(format!("exiftool still sees {tag} = {}", shorten(&values.join(" | "))));
            }
        }
    }
    complaints
}

fn carrier(site: &Site) -> String {
    site.address.split(':').next().unwrap_or_default().to_owned()
}

/// The group under which `exiftool` shows a carrier, where that is certain.
fn group(site: &Site) -> Option<&'static str> {
    match &*carrier(site) {
        "custom" => Some("XML"),
        "info" => Some("PDF"),
        "iptc" => Some("IPTC"),
        "png" => Some("PNG"),
        "jpeg" => Some("File"),
        _ => None,
    }
}

/// Removed keys and values that the independent search still finds, beyond what kept labels account for.
fn leaks(file: &File, case: &Case<'_>, removed: &[&Site]) -> Vec<String> {
    let regions = leak::regions(&file.family, &file.extension(), &case.stripped.output);
    let before = leak::regions(&file.family, &file.extension(), case.input);
    let allowance = |text: &str| -> usize {
        let in_site = |site: &Site| {
            let value = site.value.as_deref().unwrap_or_default();
            let raw = site.raw_value.as_deref().unwrap_or_default();
            let count = |hay: &str| leak::count(hay.as_bytes(), text);
            // Wide text between zeros reads as either byte order.
            let times = if file.family == "msg" { 2 } else { 1 };
            2 * (count(&site.key) + count(&site.place)) + times * count(value).max(count(raw))
        };
        case.stripped.kept.iter().map(in_site).sum()
    };
    let mut complaints = Vec::new();
    for site in removed.iter().filter(|site| site.kind == Kind::Custom) {
        let value = site.value.as_deref().filter(|value| value.len() >= 8);
        for text in [Some(&*site.key), value].into_iter().flatten().filter(|text| text.len() >= 6) {
            for region in &regions {
                // A stretch that was there before, whole and unchanged, and is not metadata, is the document itself.
                let untouched = || before.iter().any(|old| old.place == region.place && old.bytes == region.bytes);
                let count = leak::count(&region.bytes, text);
                // Fields of a text name the variable that they showed.
                let shows = || {
                    let old = before.iter().find(|old| old.place == region.place);
                    region.place == "content.xml" && old.is_some_and(|old| count < leak::count(&old.bytes, text))
                };
                if count > allowance(text) && !(is_document(&region.place) && untouched()) && !shows() {
                    complaints.push(format!("{} still holds {} ({count}×)", region.place, shorten(text)));
                }
            }
        }
    }
    complaints
}

/// Whether a region of the independent search is the document rather than what is said about it.
fn is_document(place: &str) -> bool {
    let metadata = ["docProps", "docMetadata", "customXml", "tags/", "word/settings.xml", "raw", "pikepdf", "profile"];
    !metadata.iter().any(|part| place.contains(part))
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Writes a label into a copy of a file, whose extension is given: the copy, or why it could not.
pub(crate) type Writer = fn(&Path, &str) -> Result<Vec<u8>, String>;

/// Another program writes a label with a key and a value that occur nowhere by chance; after the strip neither may
/// be found in any spelling, anywhere.
pub(crate) fn injected(prefix: &str, writer: Writer, wants: fn(&File) -> bool) {
    oracle::all_present();
    let tried = AtomicUsize::new(0);
    let mut complaints: Vec<String> = corpus::files(prefix)
        .par_iter()
        .filter(|file| wants(file))
        .flat_map_iter(|file| {
            // Some files are too odd for the other program to write to.
            let Ok(input) = writer(&file.path, &file.extension()) else { return Vec::new() };
            tried.fetch_add(1, Ordering::Relaxed);
            let run = || inject_one(file, &input);
            let found = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| vec!["panicked".to_owned()]);
            found.into_iter().map(|complaint| format!("{}: {complaint}", file.name)).collect()
        })
        .collect();
    complaints.sort();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    let narrowed = std::env::var_os("UNLABEL_ONLY").is_some();
    assert!(narrowed || tried.into_inner() >= 10, "the other program could write its label into fewer than ten files");
}

fn inject_one(file: &File, input: &[u8]) -> Vec<String> {
    let (key, value) = (oracle::KEY, oracle::VALUE);
    let mut complaints = Vec::new();
    let regions = leak::regions(&file.family, &file.extension(), input);
    if [key, value].iter().any(|text| leak::find(&regions, text).is_empty()) {
        complaints.push("the search does not even find the label that was written".into());
    }
    for layout in LAYOUTS {
        let stripped = match strip::strip(&file.name, input, layout, What::Label(key)) {
            Ok(stripped) => stripped,
            Err(error) => {
                complaints.push(format!("{layout:?}: {error}"));
                continue;
            }
        };
        if stripped.report.outcome != Outcome::Stripped {
            let reason = stripped.report.reason.unwrap_or_default();
            let says_why = ["signed", "encrypted"].iter().any(|kind| reason.starts_with(kind));
            if stripped.report.outcome == Outcome::Refused && says_why {
                continue;
            }
            complaints.push(format!("{layout:?}: {} {reason}", stripped.report.outcome.name()));
            continue;
        }
        if let Some(site) = stripped.removed.iter().find(|site| site.value.as_deref() != Some(value)) {
            complaints.push(format!("{layout:?}: {} has the value {:?}", site.address, site.value));
        }
        let regions = leak::regions(&file.family, &file.extension(), &stripped.output);
        for text in [key, value] {
            let places = leak::find(&regions, text);
            if !places.is_empty() {
                complaints.push(format!("{layout:?}: {text} is still in {}", places.join(", ")));
            }
        }
    }
    complaints
}

/// Damaged files of a family: see [`malformed`].
pub(crate) fn damaged<J: Judge>(prefix: &str) {
    malformed::check::<J>(&format!("malformed/{prefix}"));
}
