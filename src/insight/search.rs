//! Looking for a text in many cases. What each can be found by is one text, and those of all decided cases stand one
//! after the other: a search reads memory from end to end instead of following every name of every case.

use std::fmt::Write as _;

use memchr::memmem::Finder;

use super::case::Case;
use super::interner::InternedName;
use crate::domain::ids::PullNumber;

/// An id as text.
const ID_LEN: usize = 26;

/// What each decided case can be found by, in the order of decision.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Room for so many more.
    pub(super) fn reserve(&mut self, cases: usize) {
        self.ends.reserve(cases);
    }

    /// Adds the text of the next case.
    pub(super) fn push(&mut self, case: &Case) {
        write(case, &mut self.text);
        self.ends.push(self.text.len());
    }

    /// The text of the case at this place.
    pub(super) fn get(&self, place: usize) -> &str {
        let end = |place: usize| self.ends.get(place).copied();
        let start = place.checked_sub(1).and_then(end).unwrap_or_default();
        let text = end(place).and_then(|end| self.text.get(start..end));
        text.unwrap_or_default()
    }
}

/// Writes what a case can be found by, in lower case: a line for each name, and at the end its id.
fn write(case: &Case, text: &mut String) {
    let start = text.len();
    let shared = [&case.agent, &case.session, &case.action, &case.executor];
    let shared = shared
        .into_iter()
        .flatten()
        .chain(&case.targets)
        .chain(case.deciders())
        .chain(&case.triggers);
    let place = case.place.iter();
    let place = place.flat_map(|place| [place.branch.as_str(), place.title.as_str()]);
    let category = case.category.map(|category| category.as_str());
    let names = shared
        .map(InternedName::as_str)
        .chain(place)
        .chain(category);
    for name in names.chain([case.standing.as_str()]) {
        text.push_str(name);
        text.push('\n');
    }
    match case.id {
        // Nothing hinders writing to memory.
        Some(id) => write!(text, "{id}").unwrap_or_default(),
        None => text.extend([' '; ID_LEN]),
    }
    if let Some(written) = text.get_mut(start..) {
        written.make_ascii_lowercase();
    }
}

/// Words, each of which has to occur in the id, number, names or people of a case, whatever the case of letters.
#[derive(Debug)]
pub(super) struct Search(Vec<Needle>);

impl Search {
    /// A search for the words of a text.
    pub(super) fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(Needle::new).collect())
    }

    /// Whether a case that has this text is looked for.
    pub(super) fn finds(&self, case: &Case, text: &str) -> bool {
        self.0.iter().all(|needle| needle.is_in(case, text))
    }

    /// Whether a case is looked for.
    pub(super) fn finds_case(&self, case: &Case) -> bool {
        let mut text = String::new();
        write(case, &mut text);
        self.finds(case, &text)
    }
}

/// One word. It has no space and no line end, so it is in one line or in none.
#[derive(Debug)]
struct Needle {
    word: Finder<'static>,
    /// The pull request that it is the number of, with or without `#`.
    number: Option<PullNumber>,
    /// Whether ids can contain it: shorter texts and those with other letters are words.
    may_be_id: bool,
}

impl Needle {
    fn new(word: &str) -> Self {
        let digits = word.strip_prefix('#').unwrap_or(word);
        let number = digits.parse().ok().map(PullNumber);
        let is_of_ids = |c: char| c.is_ascii_alphanumeric() && !"ilouILOU".contains(c);
        Self {
            word: Finder::new(word.to_ascii_lowercase().as_bytes()).into_owned(),
            number: number.filter(|number| number.0.to_string() == digits),
            may_be_id: word.len() >= 4 && word.chars().all(is_of_ids),
        }
    }

    fn is_in(&self, case: &Case, text: &str) -> bool {
        let names = text.len().saturating_sub(ID_LEN);
        let looked_at = if self.may_be_id { text.len() } else { names };
        let looked_at = text.get(..looked_at).unwrap_or_default();
        self.word.find(looked_at.as_bytes()).is_some()
            || self.number.is_some() && self.number == case.number
    }
}
