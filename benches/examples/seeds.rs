//! Writes the generated files as seeds for fuzz targets: `seeds FOLDER TARGET…`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: seeds FOLDER TARGET…");
        std::process::exit(2);
    };
    for target in arguments {
        let folder = Path::new(&folder).join(&target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in unlabel_benches::seeds() {
            if name.split('.').next().is_some_and(|format| target.ends_with(format)) {
                std::fs::write(folder.join(format!("generated.{name}")), bytes)?;
            }
        }
    }
    Ok(())
}
