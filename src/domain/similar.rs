//! What was probably meant by a word that is not there.

/// The word that differs least, if it differs so little that it was probably meant.
pub fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > 64 {
        return None;
    }
    let found = found.to_lowercase();
    words
        .into_iter()
        .map(|word| (edit_distance(&found, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The end of a sentence that names the nearest word; empty if nothing is near.
pub fn did_you_mean<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    nearest(found, words).map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
}

/// The end of a sentence that says which words there are, and which was probably meant.
pub fn expected_one_of(found: &str, words: &[&str]) -> String {
    let meant = nearest(found, words.iter().copied());
    let meant = meant.map_or_else(String::new, |near| format!(" did you mean `{near}`?"));
    format!(":{meant} expected one of {}", words.join(", "))
}

/// How many letters are added, left out, replaced, or swapped with their neighbour.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, y) in b.iter().enumerate() {
            let replaced = at(&above, j) + usize::from(x != *y);
            let removed = at(&above, j + 1) + 1;
            let added = at(&row, j) + 1;
            let swapped = if last == Some(*y) && left == Some(x) && j > 0 {
                at(&before, j - 1) + 1
            } else {
                usize::MAX
            };
            row.push(replaced.min(removed).min(added).min(swapped));
            left = Some(*y);
        }
        before = std::mem::replace(&mut above, row);
        last = Some(x);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_probably_meant_is_near() {
        let words = ["modify_parameters", "analyze", "rsi-eurusd"];
        assert_eq!(
            nearest("modify_paramters", words),
            Some("modify_parameters")
        );
        assert_eq!(nearest("Analyse", words), Some("analyze"));
        assert_eq!(nearest("teir", ["tier", "value"]), Some("tier"));
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("abcd", "badc"), 2);
        assert_eq!(nearest("rsi-eurusd-live", words), None);
        assert_eq!(
            did_you_mean("rsi_eurusd", words),
            ": did you mean `rsi-eurusd`?"
        );
        assert_eq!(did_you_mean("teleport", words), "");
    }
}
