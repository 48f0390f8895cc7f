//! Whether one prompt's answer may be given to another that looks like it.
//!
//! Every word that carries one question must be found in the other, bound the same way and in an order that says the
//! same; what is not known to be the same is taken to differ. Deliberately not here: which prompts look alike (`index`),
//! and how a prompt is taken apart (`form`).

use super::{
    align::{Aligned, align},
    builtin::builtin,
    form::{Form, Tense},
    lexicon::{Ask, COUNTED, DENYING, LOOSE, NEAR_BONDS},
    mode::Mode,
    token::Kind,
};

/// Longest text that is held against others, bytes: what is longer is no question but a document.
const LONGEST: usize = 4096;

/// A prompt, taken apart once and held against several.
pub(super) struct Prompt {
    form: Option<Form>,
}

impl Prompt {
    /// Of its text.
    pub(super) fn of(text: &str) -> Self {
        Self { form: (text.len() <= LONGEST).then(|| Form::of(text)) }
    }

    /// Whether the answer to `other`, this near, serves in this mode.
    pub(super) fn is_served_by(&self, other: &str, similarity: f32, mode: Mode) -> bool {
        if similarity < mode.least() || mode == Mode::Off {
            return false;
        }
        if matches!(mode, Mode::ThresholdOnly { .. }) {
            return true;
        }
        let Some((one, other)) = self.form.as_ref().zip(Self::of(other).form) else { return false };
        match mode {
            Mode::Loose => one.ask == other.ask && is_loosely_same(one, &other),
            _ => refusal(one, &other, mode == Mode::Balanced).is_none(),
        }
    }

    /// Whether a judge may be asked if the answer to `other` serves: nothing differs that no judge is trusted with.
    pub(super) fn may_be_asked_about(&self, other: &str) -> bool {
        self.form.as_ref().zip(Self::of(other).form).is_some_and(|(one, other)| is_loosely_same(one, &other))
    }
}

/// Why one prompt's answer does not serve the other; `None` when it does.
pub(super) fn refusal(one: &Form, other: &Form, wide: bool) -> Option<&'static str> {
    if one.quoted != other.quoted {
        return Some("quoted");
    }
    let kindred = wide && is_kindred(one.ask, other.ask);
    if !same_ask(one, other, wide) && !kindred {
        return Some("ask");
    }
    if !same_tense(one, other, wide) {
        return Some("tense");
    }
    if one.owners != other.owners && !((wide || one.ask == Ask::How) && may_own(one, other)) {
        return Some("owner");
    }
    if !same_subject(one, other, wide) {
        return Some("subject");
    }
    let Some(aligned) = align(one, other, wide) else { return Some("words") };
    if kindred && !(aligned.len() > 2 && aligned.len() == one.items.len().max(other.items.len())) {
        return Some("ask");
    }
    // Of what is counted or the most of its kind, `in`, `on` and `of` say the same.
    let most = |pair: &Aligned<'_>| pair.left.name.ends_with("est") && pair.left.name.len() > 5;
    let counted = one.ask == Ask::HowMany || aligned.iter().any(most);
    if !same_bonds(
        &aligned,
        if wide {
            NEAR_BONDS
        } else if counted {
            COUNTED
        } else {
            &[]
        },
        wide,
    ) {
        return Some("bonds");
    }
    let ordered = same_order(&aligned) || wide && is_turned(&aligned);
    (!ordered).then_some("order")
}

/// Kinds of questions that are one where every word is the same: `What is it like`, `How is it`.
fn is_kindred(one: Ask, other: Ask) -> bool {
    let pair = |left, right| one == left && other == right || one == right && other == left;
    pair(Ask::How, Ask::What) || pair(Ask::Do, Ask::Is) || pair(Ask::HowMuch, Ask::What) || pair(Ask::Who, Ask::Which)
}

/// What comes and what is are near: `won't it connect`, `doesn't it connect`. A few words without a verb tell no tense:
/// `signing date of the treaty` can only be past, but `Australia capital` is not what it was.
fn same_tense(one: &Form, other: &Form, wide: bool) -> bool {
    let coming = |form: &Form| if wide && form.tense == Tense::Future { Tense::Present } else { form.tense };
    let told = |form: &Form| if form.tense == Tense::Untold { Tense::Present } else { coming(form) };
    let untold = one.tense == Tense::Untold || other.tense == Tense::Untold;
    let dated = matches!(one.ask, Ask::When | Ask::Time | Ask::Who | Ask::Where);
    let ahead = one.tense == Tense::Future || other.tense == Tense::Future;
    told(one) == told(other) || wide && untold && (dated || one.ask == Ask::Why && !ahead)
}

/// The same one acts. `Do you deliver` and `Is there delivery` are near.
fn same_subject(one: &Form, other: &Form, wide: bool) -> bool {
    let offered =
        |one: &Form, other: &Form| wide && one.ask == Ask::Do && one.subject == "you" && other.ask == Ask::Exists;
    let same = |who: &str| (one.subject == who) == (other.subject == who);
    same("you") && same("they") || offered(one, other) || offered(other, one)
}

/// Where it is asked how, my thing and a thing are one. `What is my address` and `What is an address` are not.
fn may_own(one: &Form, other: &Form) -> bool {
    let mine = |form: &Form| form.owners.iter().all(|owner| *owner == "my");
    let doing = |form: &Form| matches!(form.ask, Ask::How | Ask::Can | Ask::Should | Ask::Must | Ask::Where);
    one.ask == other.ask && doing(one) && mine(one) && mine(other)
}

/// The same kind of question. `What` and a few bare words are near, `Which` and `What` too.
fn same_ask(one: &Form, other: &Form, wide: bool) -> bool {
    // `Explain the difference` can only tell it, as `what is the difference` does.
    let opening = one.items.iter().any(|item| matches!(item.name.as_str(), "open" | "close"));
    let differing = one.items.first().is_some_and(|item| item.name == "difference");
    let near = |ask: Ask| match ask {
        Ask::Which | Ask::Give => Ask::What,
        Ask::Explain if wide || differing => Ask::What,
        Ask::Degree if wide => Ask::How,
        Ask::Time if wide || opening => Ask::When,
        Ask::Do if wide => Ask::Exists,
        _ => ask,
    };
    let bare = |one: Ask, other: Ask| {
        one == Ask::None
            && (other == Ask::What || other == Ask::Give || wide && other == Ask::How || wide && other == Ask::HowMany)
    };
    let wanted = (one.ask == Ask::Give) != (other.ask == Ask::Give) && one.items.len().min(other.items.len()) < 2;
    if wanted && one.ask != Ask::None && other.ask != Ask::None {
        return false;
    }
    near(one.ask) == near(other.ask) || bare(one.ask, other.ask) || bare(other.ask, one.ask)
}

/// Prepositions say the same. Those that compounds go without may be missing, on one side only: `Tokyo population`.
fn same_bonds(aligned: &[Aligned<'_>], kindred: &[&[&str]], wide: bool) -> bool {
    let loose = |role: &str| LOOSE.contains(&role);
    let differing = || aligned.iter().filter(|pair| pair.left.role != pair.right.role);
    let compound = |pair: &Aligned<'_>| {
        let (left, right) = (pair.left.role.as_str(), pair.right.role.as_str());
        let near = kindred.iter().any(|bonds| bonds.contains(&left) && bonds.contains(&right));
        near || loose(left) && loose(right) && (left.is_empty() || right.is_empty())
    };
    let lefts = differing().filter(|pair| pair.left.role.is_empty()).count();
    let rights = differing().filter(|pair| pair.right.role.is_empty()).count();
    let shared =
        || differing().any(|one| !one.left.role.is_empty() && differing().any(|two| one.left.role == two.right.role));
    differing().all(compound) && (lefts == 0 || rights == 0 || wide && !shared())
}

/// Words bound alike keep their order: `A beats B` is not `B beats A`; what denies stays before what it denies.
fn same_order(aligned: &[Aligned<'_>]) -> bool {
    let in_order = |one: &Aligned<'_>, two: &Aligned<'_>| (one.at < two.at) == (one.to < two.to);
    let alike =
        |one: &Aligned<'_>, two: &Aligned<'_>| one.left.role == two.left.role && one.right.role == two.right.role;
    // A number that its unit follows on both sides moves with it.
    let carried = |pair: &Aligned<'_>| aligned.iter().any(|next| next.at == pair.at + 1 && next.to == pair.to + 1);
    let fixed = |pair: &Aligned<'_>| {
        pair.left.kind != Kind::Word && !carried(pair) || DENYING.contains(&pair.left.name.as_str())
    };
    let crossed = |one: &Aligned<'_>, two: &Aligned<'_>| {
        let near = one.at.abs_diff(two.at) == 1 || one.to.abs_diff(two.to) == 1;
        !in_order(one, two) && (alike(one, two) || near && (fixed(one) || fixed(two)))
    };
    !aligned.iter().enumerate().any(|(at, one)| aligned[at + 1..].iter().any(|two| crossed(one, two)))
}

/// The same round, begun elsewhere: `USD to EUR exchange rate`, `exchange rate USD to EUR`.
fn is_turned(aligned: &[Aligned<'_>]) -> bool {
    let mut places: Vec<_> = aligned.iter().map(|pair| (pair.at, pair.to)).collect();
    places.sort_unstable();
    let falls = places.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
    let round = places.first().zip(places.last()).is_some_and(|(first, last)| last.1 < first.1);
    let denied = aligned.iter().any(|pair| DENYING.contains(&pair.left.name.as_str()));
    aligned.len() > 2 && falls == 1 && round && !denied
}

/// Numbers, ids, quoted text and denials are the same; all else is left to the cosine.
fn is_loosely_same(one: &Form, other: &Form) -> bool {
    let hard = |form: &Form| {
        let hard = form.items.iter().filter(|item| item.kind != Kind::Word || DENYING.contains(&item.name.as_str()));
        let mut names: Vec<_> = hard.map(|item| item.name.clone()).collect();
        names.sort_unstable();
        names
    };
    let opposed = || one.items.iter().any(|left| other.items.iter().any(|right| opposite(&left.name, &right.name)));
    one.quoted == other.quoted && hard(one) == hard(other) && !opposed()
}

/// One is the other denied by its first letters, or they are a pair that everybody mixes up in vectors.
fn opposite(one: &str, other: &str) -> bool {
    let denied = |one: &str, other: &str| {
        ["un", "in", "im", "dis", "non", "ir", "de"].iter().any(|not| one.strip_prefix(not) == Some(other))
    };
    let pair = |(left, right): &&(&str, &str)| one == *left && other == *right || one == *right && other == *left;
    denied(one, other) || denied(other, one) || OPPOSITES.iter().any(|found| pair(&found))
}

/// Stems that vectors take for one another.
const OPPOSITES: &[(&str, &str)] = &[
    ("open", "close"),
    ("enable", "disable"),
    ("increase", "decrease"),
    ("raise", "lower"),
    ("accept", "reject"),
    ("accept", "decline"),
    ("add", "remove"),
    ("begin", "end"),
    ("begin", "stop"),
    ("buy", "sell"),
    ("allow", "forbidden"),
    ("include", "exclude"),
    ("import", "export"),
    ("upload", "download"),
    ("push", "pull"),
    ("max", "min"),
    ("maximum", "minimum"),
    ("most", "least"),
    ("more", "less"),
    ("before", "after"),
    ("first", "last"),
    ("hot", "cold"),
    ("high", "low"),
    ("big", "little"),
    ("long", "short"),
    ("fast", "slow"),
    ("easy", "hard"),
    ("good", "bad"),
    ("best", "worst"),
    ("benefit", "drawback"),
    ("pro", "con"),
    ("public", "private"),
    ("ascend", "descend"),
    ("expand", "contract"),
    ("join", "leave"),
    ("on", "off"),
    ("in", "out"),
    ("up", "down"),
    ("left", "right"),
    ("win", "lose"),
    ("lend", "borrow"),
    ("encrypt", "decrypt"),
    ("compress", "decompress"),
    ("lock", "unlock"),
    ("show", "hide"),
    ("above", "below"),
    ("rise", "fall"),
    ("start", "stop"),
    ("eat", "avoid"),
    ("approve", "reject"),
    ("male", "female"),
    ("man", "woman"),
];

fn is_other_word(known: &str, unknown: &str) -> bool {
    let mut differing = known.bytes().zip(unknown.bytes()).filter(|(one, other)| one != other);
    let (Some(first), second) = (differing.next(), differing.next()) else { return false };
    let replaced = known.len() == unknown.len() && second.is_none();
    let vowels = [first.0, first.1].iter().all(|byte| b"aeiou".contains(byte));
    let chemical = ["ate", "ite", "ide", "ane", "ene", "ine", "one", "ol", "al"].iter().any(|end| known.ends_with(end));
    replaced && (!vowels || chemical)
}

/// Whether one word is the other misspelt: a letter missing, doubled or swapped with its neighbour, or a wrong vowel; and
/// only one of them a word that is known. A wrong consonant makes other words (`adduction`), as do chemists' endings.
pub(super) fn is_misspelt(one: &str, other: &str) -> bool {
    let (known, unknown) = if builtin().knows(one) { (one, other) } else { (other, one) };
    let letters = |word: &str| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let told = builtin().knows(known) && !builtin().knows(unknown) && letters(known) && letters(unknown);
    told && !is_other_word(known, unknown)
        && known.len() > 4
        && known.as_bytes()[0] == unknown.as_bytes()[0]
        && strsim::osa_distance(known, unknown) == 1
}

#[cfg(test)]
mod tests {
    use super::{Prompt, is_misspelt};
    use crate::cache::semantic::Mode;

    fn served(one: &str, other: &str, mode: Mode) -> bool {
        Prompt::of(one).is_served_by(other, 0.95, mode)
    }

    #[test]
    fn happenings_and_counts_are_asked_for_in_several_ways() {
        for (one, other) in [
            ("What is the closing time of the zoo?", "What time does the zoo close?"),
            ("What is the start date of the sale?", "When does the sale start?"),
            ("A week has how many days?", "How many days does a week have?"),
            ("How do I reset my password?", "How do I reset a password?"),
            ("I have no idea how to bake bread, any help appreciated", "How do I bake bread?"),
        ] {
            assert!(served(one, other, Mode::Strict) && served(other, one, Mode::Strict), "{one} / {other}");
        }
        for (one, other) in [
            ("What is the closing time of the zoo?", "What is the opening time of the zoo?"),
            ("What is the arrival time of the train?", "What is the departure time of the train?"),
            ("What is the closing time of the zoo?", "When was the zoo closed?"),
            ("A team has how many players?", "A player has how many teams?"),
        ] {
            assert!(!served(one, other, Mode::Balanced) && !served(other, one, Mode::Balanced), "{one} / {other}");
        }
    }

    #[test]
    fn what_one_side_alone_says_is_refused() {
        for (one, other) in [
            ("How do I pay?", "How do I get paid?"),
            ("Who is Ann the boss of?", "Who is the boss of Ann?"),
            ("Can dogs be walked by cats?", "Can dogs walk cats?"),
            ("How do I make you happy?", "How do you make me happy?"),
            ("Is it 5?", "Is it -5?"),
            ("Fix `a`", "Fix `b`"),
            ("What is the refund policy?", "What is the refund policy for students?"),
        ] {
            assert!(!served(one, other, Mode::Balanced) && !served(other, one, Mode::Balanced), "{one} / {other}");
        }
    }

    #[test]
    fn a_loose_cache_still_guards_numbers_denials_opposites_and_quotes() {
        let asked = "How do I open 3 doors in the old house?";
        assert!(served(asked, "How do I open 3 doors in an ancient house?", Mode::Loose));
        for other in [
            "How do I open 4 doors in the old house?",
            "How do I not open 3 doors in the old house?",
            "How do I close 3 doors in the old house?",
            "Why do I open 3 doors in the old house?",
        ] {
            assert!(!served(asked, other, Mode::Loose), "{other}");
        }
        assert!(!served("Say \"a\"", "Say \"b\"", Mode::Loose));
    }

    #[test]
    fn nothing_empty_or_endless_is_served_but_by_its_threshold() {
        let endless = "hi ".repeat(2000);
        for text in ["", "?", "hi", "the", endless.as_str()] {
            assert!(!served(text, text, Mode::Off));
            assert!(served(text, text, Mode::ThresholdOnly { similarity: 0.9 }));
        }
        assert!(!served(&endless, &endless, Mode::Strict));
        assert!(!served("", "", Mode::Strict));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_guards_and_each_serves_itself(
            text in "(how|what|is|can|I|you|the|get|paid|vs|-?[0-9]{1,4}(s|kg|,000)?|C\\+\\+|'s|[\"`:(),.?!\n]|\\PC{1,6}| ){0,24}",
            other in "\\PC{0,60}",
        ) {
            let _: bool = served(&text, &other, Mode::Balanced);
            for mode in [Mode::Strict, Mode::Balanced, Mode::Loose] {
                proptest::prop_assert_eq!(served(&text, &other, mode), served(&other, &text, mode));
            }
            let form = super::Form::of(&text);
            proptest::prop_assert!(form.items.is_empty() || form.items.len() > 48 || served(&text, &text, Mode::Strict));
            let once = crate::cache::semantic::normalise(&text);
            proptest::prop_assert_eq!(once.is_empty(), text.trim_matches(|char: char| char.is_whitespace() || "\u{200b}\u{feff}\u{ad}".contains(char)).is_empty());
        }
    }

    #[test]
    fn a_misspelling_is_no_other_word() {
        for (one, other) in [("connection", "conection"), ("allowance", "allowence"), ("evenings", "evenigns")] {
            assert!(is_misspelt(one, other) && is_misspelt(other, one), "{one} / {other}");
        }
        for (one, other) in [("nitrate", "nitrite"), ("abduction", "adduction"), ("angel", "angle"), ("paris", "pariz")]
        {
            assert!(!is_misspelt(one, other), "{one} / {other}");
        }
    }
}
