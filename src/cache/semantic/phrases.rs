//! The phrases of `phrases.txt`: what is said for manners, what begins a question, what ends a wish.
//!
//! Deliberately not here: single words (`lexicon`), and what becomes of a phrase (`form`).

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    lexicon::{Ask, SUBJECTS},
    spelling::NUMBERS,
    token::Token,
};

static TEXT: &str = include_str!("phrases.txt");

/// Its words; number words as numbers, as tokens have them.
pub(super) type Phrase = Vec<String>;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    pub(super) manners: Vec<Phrase>,
    pub(super) thanks: Vec<Phrase>,
    pub(super) needs: Vec<Phrase>,
    pub(super) tails: Vec<Phrase>,
    pub(super) remedies: Vec<Phrase>,
    /// By their first words.
    asking: HashMap<String, Vec<(Phrase, Ask)>>,
    pub(super) verbs: HashSet<String>,
    pub(super) orders: HashSet<String>,
}

/// The phrases, read once.
pub(super) fn phrases() -> &'static Phrases {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::read(TEXT));
    &PHRASES
}

impl Phrases {
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for (name, line) in lines.filter_map(|line| line.split_once(": ")) {
            let read = line.split(", ").map(|phrase| phrase.split(' ').map(folded).collect());
            match name {
                "manners" => found.manners.extend(read),
                "thanks" => found.thanks.extend(read),
                "needs" => found.needs.extend(read),
                "tails" => found.tails.extend(read),
                "remedies" => found.remedies.extend(read),
                "verbs" => found.verbs.extend(line.split(", ").map(str::to_owned)),
                "orders" => found.orders.extend(line.split(", ").map(str::to_owned)),
                _ => ask(name).into_iter().for_each(|ask| found.add(read.clone(), ask)),
            }
        }
        found
    }

    fn add(&mut self, read: impl Iterator<Item = Phrase>, ask: Ask) {
        for phrase in read {
            self.asking.entry(phrase[0].clone()).or_default().push((phrase, ask));
        }
    }

    /// The phrases that ask and begin with this word, in their order.
    pub(super) fn asking_with(&self, word: &str) -> &[(Phrase, Ask)] {
        self.asking.get(word).map_or(&[], Vec::as_slice)
    }
}

fn folded(word: &str) -> String {
    let number = NUMBERS.iter().find(|(spelt, _)| *spelt == word);
    number.map_or_else(|| word.to_owned(), |(_, value)| value.to_string())
}

fn ask(name: &str) -> Option<Ask> {
    Ask::ALL.iter().copied().find(|ask| format!("{ask:?}") == name)
}

/// How many tokens a phrase takes where the tokens begin with it.
pub(super) fn fits(tokens: &[Token], phrase: &Phrase) -> Option<usize> {
    let same = |(word, token): (&String, &Token)| {
        token.text == *word || word == "SUBJECT" && SUBJECTS.contains(&token.text.as_str())
    };
    (tokens.len() >= phrase.len() && phrase.iter().zip(tokens).all(same)).then_some(phrase.len())
}

#[cfg(test)]
mod tests {
    use super::{Ask, TEXT, ask, phrases};

    #[test]
    fn every_line_has_a_kind_that_is_known() {
        for (name, line) in
            TEXT.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| !name.starts_with('#'))
        {
            let known = ["manners", "thanks", "needs", "tails", "remedies", "verbs", "orders"].contains(&name)
                || ask(name).is_some();
            assert!(known, "{name}: {line}");
        }
        let of = phrases();
        assert!([&of.manners, &of.thanks, &of.needs, &of.tails, &of.remedies].iter().all(|list| !list.is_empty()));
        assert!(of.asking_with("how").iter().any(|(phrase, ask)| phrase.join(" ") == "how to" && *ask == Ask::How));
    }
}
