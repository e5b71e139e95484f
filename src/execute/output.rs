//! What a program or a server had to say, as far as it is recorded: its beginning, as printable text.

/// How much of each stream is recorded, in bytes.
pub(super) const MOST_OUTPUT: usize = 4_096;

/// The printable text of these bytes, without blanks at its end.
pub(super) fn printable(bytes: &[u8]) -> String {
    let is_printable = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    let mut text: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(is_printable)
        .collect();
    text.truncate(text.trim_end().len());
    text
}
