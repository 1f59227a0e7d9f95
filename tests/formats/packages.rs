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
    members: Result<Vec<(String, String)>, String>,
}

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, _: &[u8]) -> Look {
        Look {
            unzip: oracle::accepts("unzip", &["-tqq"], path),
            seven_zip: oracle::accepts("7z", &["t"], path),
            content: oracle::open(path).map(|mut seen| seen["content"].take()),
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
