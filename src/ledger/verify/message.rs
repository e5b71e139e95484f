//! Where two commit messages differ.

use crate::domain::ids::quoted;

/// Names the first line that differs.
pub fn first_difference(found: &str, expected: &str) -> String {
    let (mut found, mut expected) = (found.lines(), expected.lines());
    let mut number = 0usize;
    loop {
        number += 1;
        let message = match (found.next(), expected.next()) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => format!("reads {}, but the record says {}", quoted(a), quoted(b)),
            (Some(a), None) => format!("reads {}, which the record does not say", quoted(a)),
            (None, Some(b)) => format!("is missing: the record says {}", quoted(b)),
            (None, None) => {
                return "the commit message has other line ends than the bot writes".to_owned();
            }
        };
        return format!("line {number} of the commit message {message}");
    }
}
