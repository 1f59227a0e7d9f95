//! What readers of ZIP packages say of them.

use std::path::Path;

use unlabel_core::Site;

use crate::family::Judge;
use crate::oracle;

/// `unzip`, 7-Zip, the library of the file type, and a comparison of members.
pub(crate) struct Readers;

/// What they see.
pub(crate) struct Look {
    unzip: bool,
    seven_zip: bool,
    content: Result<serde_json::Value, String>,
    /// Custom properties by name, where the library knows of any.
    custom: Vec<(String, String)>,
    members: Result<Vec<(String, String)>, String>,
}

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, _: &[u8]) -> Look {
        let mut seen = oracle::open(path);
        let custom = seen.as_mut().map(|seen| seen["custom"].take()).ok();
        Look {
            unzip: oracle::accepts("unzip", &["-tqq"], path),
            seven_zip: oracle::accepts("7z", &["t"], path),
            content: seen.map(|mut seen| seen["content"].take()),
            custom: custom.and_then(|custom| serde_json::from_value(custom).ok()).unwrap_or_default(),
            members: oracle::zip_members(path),
        }
    }

    fn worse(input: &Look, output: &Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.unzip && !output.unzip {
            complaints.push("unzip refuses it".into());
        }
        if input.seven_zip && !output.seven_zip {
            complaints.push("7z refuses it".into());
        }
        match (&input.content, &output.content) {
            (Ok(before), Ok(after)) if before != after => complaints.push("a library sees other content".into()),
            (Ok(_), Err(error)) => complaints.push(format!("a library refuses it: {error}")),
            _ => {}
        }
        let is_gone = |name: &str| removed.iter().any(|site| site.address == format!("custom:{name}"));
        let kept: Vec<_> = input.custom.iter().filter(|(name, _)| !is_gone(name)).collect();
        if kept != output.custom.iter().collect::<Vec<_>>() {
            complaints.push(format!("a library sees {:?}, not {kept:?}", output.custom));
        }
        let (Ok(before), Ok(after)) = (&input.members, &output.members) else { return complaints };
        if before.len() != after.len() {
            complaints.push(format!("{} members became {}", before.len(), after.len()));
        }
        let edited = |name: &str| removed.iter().any(|site| site.place.contains(name.trim_start_matches('/')));
        for ((name, old), (other, new)) in before.iter().zip(after) {
            if name != other {
                complaints.push(format!("member {name} became {other}"));
            } else if old != new && !edited(name) {
                complaints.push(format!("member {name} changed, and held no removed label"));
            }
        }
        complaints
    }
}
