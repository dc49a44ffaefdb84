//! Did you mean …?

/// Words less alike than this have nothing to do with each other. It is what clap takes for flags and commands.
const LEAST_LIKENESS: f64 = 0.7;

/// The word among `known` that is most like `word`, if any is like it.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |known: &'a str| (known, strsim::jaro(&word, known));
    let alike = known.into_iter().map(likeness).filter(|(_, likeness)| *likeness > LEAST_LIKENESS);
    alike.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(known, _)| known)
}
