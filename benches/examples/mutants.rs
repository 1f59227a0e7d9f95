//! Writes damaged copies of files, the same ones wherever it runs: `mutants FOLDER COUNT` makes `COUNT` of them in all
//! from the files of `FOLDER`, into `FOLDER.mutants`.

use std::path::Path;

use fastrand::Rng;

/// Numbers that sizes and counts trip over.
const NUMBERS: [u64; 12] = [0, 1, 2, 4, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];

/// A copy is not made longer than that, in bytes.
const LONGEST: usize = 200_000;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count] = &arguments[..] else {
        eprintln!("usage: mutants FOLDER COUNT");
        std::process::exit(2);
    };
    let count: usize = count.parse().map_err(std::io::Error::other)?;
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    let mut files = paths.iter().map(std::fs::read).collect::<std::io::Result<Vec<_>>>()?;
    if files.is_empty() {
        files.push(Vec::new());
    }
    let output = format!("{folder}.mutants");
    std::fs::create_dir_all(&output)?;
    for number in 0..count {
        let mut rng = Rng::with_seed(number as u64);
        let mut bytes = files[number % files.len()].clone();
        for _ in 0..rng.usize(1..=4) {
            let other = rng.usize(..files.len());
            change(&mut bytes, &files[other], &mut rng);
            bytes.truncate(LONGEST);
        }
        std::fs::write(Path::new(&output).join(format!("{number:06}")), bytes)?;
    }
    Ok(())
}

/// One change somewhere, such as damage and hostile writers make.
fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let range = range(bytes.len(), rng);
    match rng.u8(..9) {
        0 => bytes[range].iter_mut().take(1).for_each(|byte| *byte ^= 1 << rng.u8(..8)),
        1 => bytes[range].iter_mut().take(1).for_each(|byte| *byte = rng.u8(..)),
        2 | 3 => number(bytes, range.start, rng),
        4 => drop(bytes.drain(range)),
        5 => {
            let again = bytes[range.clone()].to_vec();
            drop(bytes.splice(range.start..range.start, again));
        }
        6 => {
            let from = self::range(bytes.len(), rng);
            let moved = bytes[from].to_vec();
            drop(bytes.splice(range, moved));
        }
        7 => {
            let from = self::range(other.len(), rng);
            let at = range.start..if rng.bool() { range.end } else { range.start };
            drop(bytes.splice(at, other[from].iter().copied()));
        }
        _ => bytes.truncate(range.end),
    }
}

/// A range of `0..len`, mostly a short one.
fn range(len: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.usize(..=len);
    let longest = 1 << rng.usize(..13);
    start..len.min(start + rng.usize(..=longest))
}

/// Writes a number of 1, 2, 4 or 8 bytes over what stands at `at`: one that is rare, or what stood there and a little
/// more or less.
fn number(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let width = 1_usize << rng.u8(..4);
    let Some(place) = bytes.get_mut(at..at + width) else { return };
    let is_big = rng.bool();
    if is_big {
        place.reverse();
    }
    let mut whole = [0; 8];
    whole[..width].copy_from_slice(place);
    let old = u64::from_le_bytes(whole);
    let new =
        if rng.bool() { NUMBERS[rng.usize(..NUMBERS.len())] } else { old.wrapping_add(rng.u64(..33)).wrapping_sub(16) };
    place.copy_from_slice(&new.to_le_bytes()[..width]);
    if is_big {
        place.reverse();
    }
}
