//! Frames of MPEG audio (ISO 11172-3, 13818-3) and of AAC in ADTS (ISO 13818-7): their lengths, and where they begin and
//! end in a stretch of bytes.

use std::ops::Range;

/// What frames a stream consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Mpeg,
    Adts,
}

/// So many frames in a row are no coincidence.
const IN_A_ROW: usize = 3;

/// Kilobits per second by version (1, or 2 and 2.5), layer and index.
const BITRATES: [[[u16; 14]; 3]; 2] = [
    [
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    ],
    [
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ],
];

impl Stream {
    /// The length of the frame at the start of `bytes`, if one is there that says its length.
    fn frame(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Mpeg => mpeg(*bytes.first_chunk()?),
            Self::Adts => adts(*bytes.first_chunk()?),
        }
    }

    /// Whether `bytes` begin with frames.
    pub(super) fn begins(self, bytes: &[u8]) -> bool {
        self.row(bytes, 0)
    }

    /// Whether some frames follow each other from `at` on, or up to the end of `bytes`, at least two.
    fn row(self, bytes: &[u8], mut at: usize) -> bool {
        for count in 0..IN_A_ROW {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() && count > 1 {
                return true;
            }
            let Some(length) = self.frame(rest) else { return false };
            at += length;
        }
        true
    }

    /// The first place in `range` where frames begin.
    fn first(self, bytes: &[u8], range: Range<usize>) -> Option<usize> {
        let upto = bytes.get(..range.end)?;
        memchr::memchr_iter(0xFF, upto.get(range.start..)?).map(|at| range.start + at).find(|at| self.row(bytes, *at))
    }

    /// From the first frame in `audio` to the last, which are looked for in `reach` bytes at either end. All of `audio`
    /// where there are none.
    pub(super) fn extent(self, input: &[u8], audio: Range<usize>, reach: usize) -> Range<usize> {
        let Some(bytes) = input.get(..audio.end) else { return audio };
        let head = audio.start..audio.end.min(audio.start.saturating_add(reach));
        let Some(start) = self.first(bytes, head) else { return audio };
        let tail = start.max(audio.end.saturating_sub(reach))..audio.end;
        let Some(mut end) = self.last_row(bytes, tail) else { return start..audio.end };
        while let Some(length) = self.frame(bytes.get(end..).unwrap_or_default()) {
            if end + length > audio.end {
                // The last frame is cut off.
                return start..audio.end;
            }
            end += length;
        }
        start..end
    }

    /// Frames of the last stretch in `range` that reads as frames.
    fn last_row(self, bytes: &[u8], range: Range<usize>) -> Option<usize> {
        let mut found = self.first(bytes, range.clone())?;
        loop {
            // To the end of this stretch, and on to the next, where tags or damage lie between.
            let mut end = found;
            while let Some(length) =
                self.frame(bytes.get(end..).unwrap_or_default()).filter(|length| end + length <= range.end)
            {
                end += length;
            }
            match self.first(bytes, end..range.end).filter(|next| *next > found) {
                Some(next) if next < range.end => found = next,
                _ => return Some(found),
            }
        }
    }
}

fn mpeg(header: [u8; 4]) -> Option<usize> {
    let [sync, version, rates, _] = header;
    if sync != 0xFF || version & 0xE0 != 0xE0 {
        return None;
    }
    let (is_first, divisor) = match version >> 3 & 3 {
        0 => (false, 4),
        2 => (false, 2),
        3 => (true, 1),
        _ => return None,
    };
    // Layers count backwards from three.
    let layer = 3usize.checked_sub(usize::from(version >> 1 & 3)).filter(|layer| *layer < 3)?;
    let index = usize::from(rates >> 4).checked_sub(1)?;
    let bitrate = usize::from(*BITRATES.get(usize::from(!is_first))?.get(layer)?.get(index)?) * 1000;
    let frequency = *[44100, 48000, 32000].get(usize::from(rates >> 2 & 3))? / divisor;
    let padding = usize::from(rates >> 1 & 1);
    Some(match layer {
        0 => (12 * bitrate / frequency + padding) * 4,
        2 if !is_first => 72 * bitrate / frequency + padding,
        _ => 144 * bitrate / frequency + padding,
    })
}

fn adts(header: [u8; 7]) -> Option<usize> {
    let [sync, version, profile, high, middle, low, _] = header;
    let is_sync = sync == 0xFF && version & 0xF6 == 0xF0 && profile >> 2 & 15 < 13;
    let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
    (is_sync && length >= 7).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(417, 0x55);
        frame
    }

    #[test]
    fn lengths_are_known() {
        assert_eq!(mpeg([0xFF, 0xFB, 0x90, 0]), Some(417));
        assert_eq!(mpeg([0xFF, 0xFB, 0x92, 0]), Some(418));
        assert_eq!(mpeg([0xFF, 0xF3, 0x48, 0]), Some(144));
        assert_eq!(mpeg([0xFF, 0xFF, 0x14, 0]), Some(32));
        assert_eq!(mpeg([0xFF, 0xFB, 0x00, 0]), None, "free format says no length");
        assert_eq!(mpeg([0xFF, 0xEB, 0x90, 0]), None);
        assert_eq!(adts([0xFF, 0xF1, 0x50, 0x80, 0x01, 0x7F, 0xFC]), Some(11));
        assert_eq!(adts([0xFF, 0xFB, 0x90, 0, 0, 0, 0]), None);
    }

    #[test]
    fn junk_on_both_sides_is_told_from_frames() {
        let frames = frame().repeat(5);
        let bytes = [&b"junk\xff\xfb"[..], &frames, b"trailer"].concat();
        let end = bytes.len();
        assert_eq!(Stream::Mpeg.extent(&bytes, 2..end, 1500), 6..end - 7);
        assert_eq!(
            Stream::Mpeg.extent(&bytes[..end - 20], 0..end - 20, 9999),
            6..end - 20,
            "the last frame is cut off"
        );
        assert_eq!(Stream::Mpeg.extent(b"nothing", 0..7, 1000), 0..7);
        assert!(Stream::Mpeg.begins(&frames) && Stream::Mpeg.begins(&frame().repeat(2)));
        assert!(!Stream::Mpeg.begins(&frame()) && !Stream::Mpeg.begins(b"\xff\xfea\0b\0"));
    }
}
