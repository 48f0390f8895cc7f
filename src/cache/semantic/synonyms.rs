//! Words and phrases that ask for the same thing, from `synonyms.txt`.
//!
//! Deliberately not here: inflections (`stem`).

use std::{collections::HashMap, sync::LazyLock};

use super::stem::stem;

static TEXT: &str = include_str!("synonyms.txt");

/// The groups, by their stems: a word's name in `strict` and in `balanced`.
#[derive(Debug, Default)]
pub(super) struct Synonyms {
    sure: HashMap<String, String>,
    wide: HashMap<String, Vec<usize>>,
    phrases: HashMap<String, Vec<(Vec<String>, String)>>,
}

/// The groups, read once.
pub(super) fn synonyms() -> &'static Synonyms {
    static SYNONYMS: LazyLock<Synonyms> = LazyLock::new(|| Synonyms::read(TEXT));
    &SYNONYMS
}

impl Synonyms {
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        for (group, line) in lines.enumerate() {
            let wide = line.strip_prefix("~ ");
            let words: Vec<_> = wide.unwrap_or(line).split(',').map(|word| stems(word.trim())).collect();
            let name = words.first().map(|first| first.join(" ")).unwrap_or_default();
            for word in words {
                let one = if word.len() > 1 { found.phrase(&word, wide.is_some(), &name) } else { word.concat() };
                if wide.is_some() {
                    found.wide.entry(one).or_default().push(group);
                } else {
                    found.sure.entry(one).or_insert_with(|| name.clone());
                }
            }
        }
        found
    }

    /// Makes one word of a phrase: the group's name where it surely is one.
    fn phrase(&mut self, words: &[String], wide: bool, name: &str) -> String {
        let joined = words.join(" ");
        let known = self.sure.contains_key(&joined);
        let to = if wide || known { joined.clone() } else { name.to_owned() };
        self.phrases.entry(words[0].clone()).or_default().push((words.to_vec(), to));
        joined
    }

    /// The name of a stem's group, or the stem.
    pub(super) fn name<'a>(&'a self, stem: &'a str) -> &'a str {
        self.sure.get(stem).map_or(stem, String::as_str)
    }

    /// Whether a group is called so.
    pub(super) fn is_name(&self, stem: &str) -> bool {
        self.sure.get(stem).is_some_and(|name| name == stem)
    }

    /// Whether two names mean the same in most sentences.
    pub(super) fn are_near(&self, one: &str, other: &str) -> bool {
        let groups = |name| self.wide.get(name).map_or(&[][..], Vec::as_slice);
        groups(one).iter().any(|group| groups(other).contains(group))
    }

    /// The phrase that these stems begin with: how many words it takes, and the word that it is.
    pub(super) fn phrase_at(&self, stems: &[&str]) -> Option<(usize, &str)> {
        let phrases = self.phrases.get(*stems.first()?)?;
        let fitting = phrases
            .iter()
            .filter(|(words, _)| stems.len() >= words.len() && words.iter().zip(stems).all(|(a, b)| a == b));
        fitting.max_by_key(|(words, _)| words.len()).map(|(words, to)| (words.len(), to.as_str()))
    }
}

fn stems(phrase: &str) -> Vec<String> {
    phrase.split_whitespace().map(stem).collect()
}

#[cfg(test)]
mod tests {
    use super::synonyms;

    #[test]
    fn groups_share_a_name_and_wide_ones_are_near() {
        let of = synonyms();
        assert_eq!(of.name("purchase"), of.name("buy"));
        assert_eq!(of.name("zebra"), "zebra");
        assert!(of.are_near("delete", "remove") && !of.are_near("delete", "buy"));
        assert_eq!(of.phrase_at(&["turn", "on", "dark"]), Some((2, "enable")));
        assert_eq!(of.phrase_at(&["turn"]), None);
    }
}
