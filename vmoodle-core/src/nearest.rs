//! The word that was meant where another one is written.

/// The nearest of the words that are known, where at most two letters are wrong.
///
/// ```
/// use vmoodle_core::nearest::nearest;
///
/// assert_eq!(nearest("tragets", ["name", "targets"]), Some("targets"));
/// assert_eq!(nearest("colour", ["name", "targets"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let steps = known.into_iter().map(|one| (strsim::osa_distance(&word, one), one));
    steps.min().filter(|(steps, _)| *steps <= 2).map(|(_, one)| one)
}
