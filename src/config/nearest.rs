//! The known name that somebody most likely meant.

/// The candidate that differs least from `word`, if it differs little enough to be a slip of the keyboard.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b`, `c` ``
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// How many letters must be added, dropped, changed or swapped with their neighbour to make `a` from `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(MAX_LETTERS).flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().take(MAX_LETTERS).flat_map(char::to_lowercase).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = last[j] + usize::from(a[i] != b[j]);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Names are at most this long; what is longer was not meant as a name, and comparing it would take long.
const MAX_LETTERS: usize = 128;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word() {
        assert_eq!(nearest("ap", ["app", "db"]), Some("app"));
        assert_eq!(nearest("adress", ["name", "address"]), Some("address"));
        assert_eq!(nearest("isntances", ["instances"]), Some("instances"));
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("orders", ["app", "db"]), None);
        assert_eq!(nearest("a", ["b"]), None);
    }
}
