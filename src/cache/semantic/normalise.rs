//! The form in which two writings of one message are the same: tier 1 of the model cache compares it byte by byte.
//!
//! Only what carries nothing goes: spaces, capitals of prose, greetings, thanks, a final full stop, contractions. Text
//! that may be code or data (operators, braces, quotes, more than one line, what follows a colon) stays as it is, for
//! there every character may matter. Deliberately not here: rewordings (`guard`).

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Signs that prose does without. A text that has one is left alone but for the spaces around it.
const CODE: &[char] = &[
    '{', '}', '[', ']', '<', '>', '=', '`', '~', '^', '|', '\\', '_', '*', '#', '@', '$', '+', '"', '“', '”', '„', '«',
    '»', '\n', '\r', '\t', '‘', '/',
];
/// What may come before the message, said for manners. Longer ones first.
const BEFORE: &[&str] = &[
    "sorry to bother you, but",
    "sorry to bother you but",
    "sorry, silly question, but",
    "sorry, quick question:",
    "good afternoon",
    "good morning",
    "good evening",
    "just wondering,",
    "quick question,",
    "hello there",
    "hi there",
    "hey there",
    "hello",
    "hi team",
    "please",
    "hiya",
    "okay so",
    "ok so",
    "hey",
    "hi",
    "um",
    "er",
    "uh",
];
/// What may come after it.
const AFTER: &[&str] = &[
    "many thanks",
    "thanks a lot",
    "thanks in advance",
    "thank you very much",
    "thank you so much",
    "thank you",
    "thanks",
    "cheers",
    "please",
];
/// First words of a question: after them the question mark says nothing new.
const ASKING: &[&str] = &[
    "what", "who", "whom", "whose", "which", "when", "where", "why", "how", "is", "are", "am", "was", "were", "do",
    "does", "did", "can", "could", "should", "would", "will", "shall", "may", "might", "must", "has", "have", "had",
    "isn't", "aren't", "don't", "doesn't", "can't", "won't", "what's", "who's", "where's", "how's", "when's",
];
/// Contractions that stand for one thing only.
const CONTRACTIONS: &[(&str, &str)] = &[
    ("can't", "cannot"),
    ("won't", "will not"),
    ("don't", "do not"),
    ("doesn't", "does not"),
    ("didn't", "did not"),
    ("isn't", "is not"),
    ("aren't", "are not"),
    ("wasn't", "was not"),
    ("weren't", "were not"),
    ("i'm", "i am"),
    ("haven't", "have not"),
    ("hasn't", "has not"),
    ("couldn't", "could not"),
    ("shouldn't", "should not"),
    ("wouldn't", "would not"),
    ("i've", "i have"),
    ("we've", "we have"),
    ("you're", "you are"),
    ("we're", "we are"),
    ("they're", "they are"),
    ("i'll", "i will"),
    ("what's", "what is"),
    ("where's", "where is"),
    ("how's", "how is"),
];
/// Words that mean something else in capitals, whatever stands around them.
const CAPITALS: &[&str] =
    &["IT", "US", "WHO", "AIDS", "MAY", "ID", "OR", "IN", "AM", "PM", "ME", "SO", "NO", "AN", "AS"];

/// The form of a message that tier 1 compares. Never fails; an empty message stays empty.
pub fn normalise(text: &str) -> String {
    let text = folded(text);
    let text = text.trim();
    if text.contains(CODE) {
        return text.to_owned();
    }
    let (prose, data) = split(text);
    let mut words = bare(&lowered(prose), data.is_empty());
    words.push_str(data);
    words
}

/// Compatibility characters become ordinary ones, except where that would change a number or a word: `10²` is not `102`.
fn folded(text: &str) -> String {
    let fold = |char: char| match char {
        '\u{ff01}'..='\u{ff5e}' | 'ﬀ'..='ﬆ' => String::from(char).nfkc().collect(),
        '’' | 'ʼ' => "'".to_owned(),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => " ".to_owned(),
        '\u{200b}' | '\u{feff}' | '\u{ad}' => String::new(),
        '…' => "...".to_owned(),
        _ => String::from(char),
    };
    text.chars().map(fold).collect::<String>().nfc().collect()
}

/// Before a colon that introduces something, and from it on.
fn split(text: &str) -> (&str, &str) {
    let colon = text.match_indices(": ").next().map_or(text.len(), |(at, _)| at);
    text.split_at(colon)
}

/// Words in lower case, contractions written out, one space between.
fn lowered(prose: &str) -> String {
    let shouted = !prose.chars().any(char::is_lowercase);
    let words = prose.split_whitespace().enumerate().map(|(at, word)| {
        let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
        if !shouted && keeps_capitals(bare, at) { word.to_owned() } else { written_out(&word.to_lowercase()) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `getName`, `IT`, and a single letter that is no article.
fn keeps_capitals(word: &str, at: usize) -> bool {
    let inner = word.chars().zip(word.chars().skip(1)).any(|(one, two)| one.is_lowercase() && two.is_uppercase());
    let letter = word.len() == 1 && at > 0 && word != "I" && word.chars().all(char::is_uppercase);
    inner || letter || CAPITALS.contains(&word)
}

fn written_out(word: &str) -> String {
    let found = CONTRACTIONS.iter().find(|(short, _)| *short == word);
    found.map_or_else(|| word.to_owned(), |(_, long)| (*long).to_owned())
}

/// Without manners and final signs.
fn bare(prose: &str, whole: bool) -> String {
    let mut rest = prose;
    while let Some(shorter) = without_first(rest) {
        rest = shorter;
    }
    while let Some(shorter) = whole.then(|| without_last(rest)).flatten() {
        rest = shorter;
    }
    let rest = if rest.is_empty() { prose } else { rest };
    rest.to_owned()
}

fn without_first(text: &str) -> Option<&str> {
    let rest = BEFORE.iter().find_map(|word| text.strip_prefix(word))?;
    let parted = rest.starts_with([' ', ',', '!', '.']);
    let rest = rest.trim_start_matches([' ', ',', '!', '.']);
    (parted && rest.starts_with(char::is_alphabetic)).then_some(rest)
}

fn without_last(text: &str) -> Option<&str> {
    let shorter = without_sign(text);
    let polite = AFTER.iter().find_map(|word| shorter.strip_suffix(word)).filter(|rest| rest.ends_with([' ', ',']));
    let shorter = polite.map_or(shorter, |rest| rest.trim_end_matches([' ', ',']));
    (shorter.len() < text.len() && !shorter.is_empty()).then_some(shorter)
}

/// Without a final full stop or exclamation mark; without a question mark where the first word asks already.
fn without_sign(text: &str) -> &str {
    let first = text.split(|char: char| !char.is_alphanumeric() && char != '\'').next().unwrap_or_default();
    let asking = ASKING.contains(&first);
    let bare =
        text.trim_end_matches(|char: char| char.is_whitespace() || matches!(char, '.' | '!') || asking && char == '?');
    if bare.ends_with(|char: char| char.is_alphanumeric() || is_combining_mark(char) || matches!(char, ')' | '%' | '?'))
    {
        bare
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn writings_of_one_message_are_the_same() {
        for (one, other) in [
            ("How do I reset my password?", "how do i  reset my\u{a0}password"),
            ("How do I reset my password?", "Hi there, how do I reset my password? Thanks!"),
            ("How do I reset my password?", "HOW DO I RESET MY PASSWORD?!"),
            ("What's the limit?", "what is the limit"),
            ("What’s the limit?", "What's the limit?..."),
            ("Can't I pay by card?", "cannot I pay by card?"),
            ("Close my account.", "please close my account"),
            ("Close my account", "Good morning! Please close my account, thank you."),
            ("Ｈｏｗ far is it?", "How far is it?"),
            ("Summarise this: Fox runs.", "summarise this: Fox runs."),
        ] {
            assert_eq!(normalise(one), normalise(other), "{one:?} / {other:?}");
        }
    }

    #[test]
    fn what_may_matter_is_kept() {
        for (one, other) in [
            ("What is C?", "What is C++?"),
            ("What is C#?", "What is C?"),
            ("What is 10²?", "What is 102?"),
            ("Is 5 more?", "Is -5 more?"),
            ("¿Qué es año?", "¿Qué es ano?"),
            ("Do you sell it?", "Do you sell IT?"),
            ("Can US firms apply?", "Can us firms apply?"),
            ("You are open on Sunday?", "You are open on Sunday."),
            ("Translate: Hello!", "Translate: hello!"),
            ("Translate: Hello, thanks", "Translate: Hello"),
            ("Print \"A\"", "Print \"a\""),
            ("x = A", "x = a"),
            ("let a\nb", "let a b"),
            ("What does getName do?", "What does getname do?"),
            ("Can I pay?", "Can't I pay?"),
            ("Is type A better?", "Is type a better?"),
            ("Hi-fi sets?", "fi sets?"),
            ("What is a/b?", "What is a/B?"),
        ] {
            assert_ne!(normalise(one), normalise(other), "{one:?} / {other:?}");
        }
    }

    #[test]
    fn manners_alone_stay() {
        for text in ["", "hi", "thanks", "please", "Hello!", "?", "..."] {
            assert_eq!(normalise(text).is_empty(), text.is_empty(), "{text:?}");
        }
        assert_ne!(normalise("hi"), normalise("thanks"));
    }
}
