//! Prefix codes of least length (Huffman), and the canonical numbering of RFC 1951 3.2.2.

use std::sync::LazyLock;

/// The code of each symbol: its bits, and how many they are; none for symbols that do not occur.
#[derive(Debug)]
pub(super) struct Code(Vec<(u16, u8)>);

impl Code {
    /// The code for symbols that occur `counts` times, of at most `limit` bits each. At least two symbols get one, as
    /// some decoders expect.
    pub(super) fn of(counts: &[u32], limit: u8) -> Self {
        let mut counts = counts.to_vec();
        for index in 0..counts.len() {
            if counts.iter().filter(|count| **count > 0).count() >= 2 {
                break;
            }
            counts.get_mut(index).into_iter().for_each(|count| *count = (*count).max(1));
        }
        let mut lens = lens(&counts);
        while lens.iter().any(|len| *len > limit) {
            // Rare symbols become less rare, which makes the tree flatter.
            counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = *count / 2 + 1);
            lens = self::lens(&counts);
        }
        Self::canonical(&lens)
    }

    /// The fixed code of literals and lengths (RFC 1951 3.2.6), and that of distances.
    pub(super) fn fixed() -> &'static (Self, Self) {
        static FIXED: LazyLock<(Code, Code)> = LazyLock::new(|| {
            let len = |symbol| match symbol {
                144..256 => 9,
                256..280 => 7,
                _ => 8,
            };
            let lens: Vec<u8> = (0..288).map(len).collect();
            (Code::canonical(&lens), Code::canonical(&[5; 30]))
        });
        &FIXED
    }

    fn canonical(lens: &[u8]) -> Self {
        let mut counts = [0_u16; 16];
        for len in lens.iter().filter(|len| **len > 0) {
            counts.get_mut(usize::from(*len)).into_iter().for_each(|count| *count += 1);
        }
        let mut next = [0_u16; 16];
        let mut code = 0;
        for (first, count) in next.iter_mut().zip(counts) {
            code <<= 1;
            *first = code;
            code += count;
        }
        let mut number = |len: &u8| {
            let code = next.get_mut(usize::from(*len)).filter(|_| *len > 0)?;
            *code += 1;
            Some((*code - 1, *len))
        };
        Self(lens.iter().map(|len| number(len).unwrap_or_default()).collect())
    }

    /// Bits of the code of a symbol, and how many.
    pub(super) fn get(&self, symbol: usize) -> (u16, u8) {
        self.0.get(symbol).copied().unwrap_or_default()
    }

    /// How long the code of each symbol is, up to the last that has one, and of at least `least` symbols.
    pub(super) fn lens(&self, least: usize) -> Vec<u8> {
        let used = self.0.iter().rposition(|(_, len)| *len > 0).map_or(0, |last| last + 1);
        self.0.iter().take(used.max(least)).map(|(_, len)| *len).collect()
    }

    /// Bits that symbols with these counts take.
    pub(super) fn cost(&self, counts: &[u32]) -> u32 {
        counts.iter().enumerate().map(|(symbol, count)| count * u32::from(self.get(symbol).1)).sum()
    }
}

/// The depth of each symbol in a Huffman tree: leaves in ascending order on one side, the nodes made of them on the
/// other, and the two rarest become one node.
fn lens(counts: &[u32]) -> Vec<u8> {
    let mut leaves: Vec<(u32, usize)> =
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(symbol, count)| (*count, symbol)).collect();
    leaves.sort_unstable();
    let many = leaves.len();
    let mut parents = vec![0_usize; many * 2];
    let mut nodes: Vec<u32> = Vec::with_capacity(many);
    let (mut leaf, mut node) = (0, 0);
    while nodes.len() + 1 < many {
        let mut weight = 0;
        for _ in 0..2 {
            let rarest = leaves.get(leaf).map(|(count, _)| *count);
            let made = nodes.get(node).copied();
            let (taken, own) = match (rarest, made) {
                (Some(count), Some(made)) if count > made => (many + node, made),
                (Some(count), _) => (leaf, count),
                (None, made) => (many + node, made.unwrap_or_default()),
            };
            if taken < many {
                leaf += 1;
            } else {
                node += 1;
            }
            weight += own;
            parents.get_mut(taken).into_iter().for_each(|parent| *parent = many + nodes.len());
        }
        nodes.push(weight);
    }
    // From the root down: a child is made before its parent.
    let mut depths = vec![0_u8; many * 2];
    let root = many + nodes.len().saturating_sub(1);
    for index in (0..root).rev() {
        let above = parents.get(index).and_then(|parent| depths.get(*parent)).copied().unwrap_or_default();
        depths.get_mut(index).into_iter().for_each(|depth| *depth = above.saturating_add(1));
    }
    let mut lens = vec![0; counts.len()];
    for ((_, symbol), depth) in leaves.iter().zip(depths) {
        lens.get_mut(*symbol).into_iter().for_each(|len| *len = depth);
    }
    lens
}
