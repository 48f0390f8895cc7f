//! What a prompt asks, taken apart: what kind of question, about when, of whom, and the words that carry it, each with
//! what binds it to the others.
//!
//! Deliberately not here: what two prompts must share (`guard`).

use super::{
    lexicon::{
        AGENTS, ASKING_NOUNS, Ask, BINDING, CLAUSES, DENYING, EMPTY, FUTURE, HAPPENING, MEASURES, OWNERS, PAST, STATES,
        SUMS,
    },
    stem::stem,
    synonyms::synonyms,
    token::{Kind, Token, tokens},
    turns,
};

/// When the question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    Present,
    Past,
    Future,
    /// A few words without a verb tell none.
    Untold,
}

/// A word that carries the question.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// Its group's name, or its stem.
    pub(super) name: String,
    /// As it was written, in lower case.
    pub(super) written: String,
    /// The preposition that binds it, or nothing.
    pub(super) role: String,
    /// Written as a name.
    pub(super) is_name: bool,
}

impl Item {
    fn word(name: &str) -> Self {
        let (name, written) = (name.to_owned(), name.to_owned());
        Self { kind: Kind::Word, name, written, role: String::new(), is_name: false }
    }
}

/// A prompt, taken apart.
pub(super) struct Form {
    pub(super) ask: Ask,
    pub(super) tense: Tense,
    /// Whose things it speaks of, sorted.
    pub(super) owners: Vec<&'static str>,
    /// Who does it, where that is not whoever asks.
    pub(super) subject: &'static str,
    pub(super) quoted: Vec<String>,
    pub(super) items: Vec<Item>,
}

impl Form {
    /// Of a text.
    pub(super) fn of(text: &str) -> Self {
        let (all, quoted) = tokens(text);
        let (all, ask, taken) = turns::question(all);
        let subject = subject(&all, ask);
        let said = |words: &[&str]| all.iter().take(taken + 1).any(|token| words.contains(&token.text.as_str()));
        let tense = if said(PAST) {
            Tense::Past
        } else if said(FUTURE) {
            Tense::Future
        } else {
            Tense::Present
        };
        let tense = if ask == Ask::None { Tense::Untold } else { tense };
        let rest = all[taken..].to_vec();
        let mut form = Self { ask, tense, owners: owners(&rest), subject, quoted, items: Vec::new() };
        form.items = items(&rest);
        form.price();
        form.measure();
        form.happening();
        form.noun();
        form.agent();
        form.differ();
        form.leave();
        form.people();
        form.convert();
        form.tidy();
        form
    }

    /// `How tall is` asks for the height of.
    fn measure(&mut self) {
        if self.ask == Ask::HowMuch && self.items.len() > 1 && self.items[0].name == "time" {
            self.ask = Ask::Degree;
            "long".clone_into(&mut self.items[0].name);
        }
        let named = self.items.first().and_then(|item| MEASURES.iter().find(|(word, _)| *word == item.name));
        if let (Ask::Degree, Some((_, noun))) = (self.ask, named) {
            self.ask = Ask::What;
            (*noun).clone_into(&mut self.items[0].name);
        }
    }

    /// `The closing time of` asks at what time it closes, `the start date of` when it starts.
    fn happening(&mut self) {
        if !matches!(self.ask, Ask::What | Ask::Give | Ask::None) {
            return;
        }
        let named = |at: usize, name: &str| self.items.get(at).is_some_and(|item| item.name == name);
        let timed = (0..self.items.len()).find_map(|at| {
            let (verb, ask) = HAPPENING.iter().find(|(verb, _)| named(at, verb))?;
            let plain = *ask == Ask::When;
            (plain || named(at + 1, "time")).then_some((at, 1 + usize::from(!plain), *verb, *ask))
        });
        let Some((at, taken, verb, ask)) = timed.filter(|found| self.items.len() > found.1) else { return };
        (self.ask, self.tense) = (ask, Tense::Untold);
        self.items.drain(at..at + taken);
        let verb = verb.trim_end_matches(" date");
        for item in self.items.iter_mut().filter(|item| item.role == "of") {
            item.role.clear();
        }
        // As in `what time does it close`: behind what closes.
        self.items.push(Item::word(verb));
    }

    /// `What is the reason for` asks why; `the deadline` asks when but says of what, too.
    fn noun(&mut self) {
        if !matches!(self.ask, Ask::What | Ask::Give | Ask::Explain | Ask::None | Ask::Which) {
            return;
        }
        // `What do lights cause` names no cause: at the end these are what is done.
        let done = |at: usize, name: &str| {
            let verb = matches!(name, "cause" | "process" | "count" | "step");
            verb && self.ask != Ask::None && at > 0 && at + 1 == self.items.len()
        };
        let asking =
            |(at, item): (usize, &Item)| ASKING_NOUNS.iter().find(|(noun, _)| *noun == item.name && !done(at, noun));
        let found = self.items.iter().enumerate().find_map(asking);
        if let Some((noun, ask)) = found {
            self.ask = *ask;
            self.tense = Tense::Untold;
            let kept = *noun == "deadline";
            self.items.retain(|item| kept || item.name != *noun);
        }
    }

    /// `How do A and B differ` asks for the difference between them.
    fn differ(&mut self) {
        let found = self.items.iter().position(|item| item.name == "differ");
        if let (Ask::How, Some(at)) = (self.ask, found) {
            self.ask = Ask::What;
            self.items.remove(at);
            self.items.splice(0..0, ["difference", "between"].map(Item::word));
        }
    }

    /// `How many people live in` asks for the population of.
    fn people(&mut self) {
        let named = |at: usize, name: &str| self.items.get(at).is_some_and(|item| item.name == name);
        if self.ask == Ask::HowMany && self.items.len() > 2 && named(0, "person") && named(1, "live") {
            self.ask = Ask::What;
            self.items.splice(..2, [Item::word("population")]);
            self.items.iter_mut().filter(|item| item.role == "in").for_each(|item| "of".clone_into(&mut item.role));
        }
    }

    /// `Convert 5 miles to kilometres`, `How many kilometres are 5 miles`: what 5 miles are in kilometres.
    fn convert(&mut self) {
        let number = |at: usize| self.items.get(at).is_some_and(|item| item.kind == Kind::Number);
        let told = self.items.first().is_some_and(|item| item.name == "convert") && number(1);
        let asked = self.ask == Ask::HowMany && self.items.len() == 3 && number(1);
        if told && matches!(self.ask, Ask::None | Ask::How) {
            self.items.remove(0);
            for item in self.items.iter_mut().filter(|item| matches!(item.role.as_str(), "to" | "into")) {
                "in".clone_into(&mut item.role);
            }
        } else if asked {
            self.items.rotate_left(1);
            self.items.iter_mut().for_each(|item| item.role.clear());
            "in".clone_into(&mut self.items[2].role);
        } else {
            return;
        }
        self.ask = Ask::What;
    }

    /// `Which effects does it have` are the effects of it; what is needed comes first wherever that is said.
    fn tidy(&mut self) {
        // `Who should I call` asks whom I call; `Who should pay` does not ask who pays.
        if matches!(self.ask, Ask::Who | Ask::Where) && self.subject == "i" && self.items.len() > 1 {
            self.items.retain(|item| item.name != "should");
        }
        if self.ask == Ask::What && self.items.len() > 1 && self.items.last().is_some_and(|last| last.name == "mean") {
            self.items.pop();
        }
        let naming = matches!(self.ask, Ask::What | Ask::Give | Ask::Which | Ask::HowMany | Ask::HowMuch | Ask::None);
        let denied = self.items.iter().any(|item| DENYING.contains(&item.name.as_str()));
        if !naming || denied || self.items.len() < 3 {
            return;
        }
        if self.ask != Ask::None && self.items.last().is_some_and(|last| last.name == "have") {
            self.items.pop();
        }
        let needed = self.items.iter().position(|item| item.name == "need");
        if let Some(at) = needed {
            self.items[at].role.clear();
            self.items[..=at].rotate_right(1);
        }
    }

    /// `The author of` asks who wrote.
    fn agent(&mut self) {
        let found = self.items.iter().position(|item| AGENTS.iter().any(|(agent, _)| *agent == item.name));
        if let (Some(at), Ask::Who | Ask::What | Ask::Give | Ask::None) = (found, self.ask) {
            self.ask = Ask::Who;
            let does = AGENTS.iter().find(|(agent, _)| *agent == self.items[at].name).map_or("", |(_, does)| does);
            self.items.remove(at);
            self.items.insert(0, Item::word(does));
        }
    }

    /// `Is a table available` asks whether there is one; `Is a visa needed` whether one must have it.
    fn leave(&mut self) {
        if self.items.iter().any(|item| DENYING.contains(&item.name.as_str())) {
            return;
        }
        let found = self.items.iter().find_map(|item| {
            STATES
                .iter()
                .find(|(word, asks, _)| *word == item.name && asks.contains(&self.ask))
                .map(|(word, _, ask)| (*word, *ask))
        });
        if let Some((word, ask)) = found.filter(|_| self.items.len() > 1) {
            self.ask = ask;
            self.subject = "";
            self.items.retain(|item| item.name != word);
        }
    }

    /// `How much does it cost to` asks for the price of.
    fn price(&mut self) {
        let at = self.items.iter().position(|item| item.name == "price");
        if let (Ask::HowMuch | Ask::Sum, Some(at)) = (self.ask, at) {
            self.ask = Ask::What;
            let price = self.items.remove(at);
            self.items.insert(0, Item { role: String::new(), ..price });
        } else if self.ask == Ask::Sum {
            self.ask = Ask::What;
            let sum = self.items.iter().any(|item| SUMS.contains(&item.name.as_str()) || item.kind != Kind::Word);
            self.items.splice(0..0, (!sum).then(|| Item::word("price")));
        }
    }
}

/// Who acts: `you` and those asked about differ from whoever asks, except where everybody is meant.
fn subject(tokens: &[Token], ask: Ask) -> &'static str {
    if matches!(ask, Ask::How | Ask::Exists | Ask::None) {
        return "";
    }
    let first = tokens.iter().take(6).find_map(|token| match token.text.as_str() {
        "i" | "we" => Some("i"),
        "you" => Some("you"),
        "he" | "she" | "they" => Some("they"),
        _ => None,
    });
    first.unwrap_or_default()
}

fn owners(tokens: &[Token]) -> Vec<&'static str> {
    let owner = |token: &Token| OWNERS.iter().find(|(word, _)| *word == token.text).map(|(_, owner)| *owner);
    let mut found: Vec<_> = tokens.iter().filter_map(owner).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The words that carry the question. Phrases are made one word before their parts can bind or vanish.
fn items(tokens: &[Token]) -> Vec<Item> {
    let stems: Vec<_> = tokens
        .iter()
        .map(|token| if token.kind == Kind::Word { stem(&token.text) } else { token.text.clone() })
        .collect();
    let texts: Vec<_> = stems.iter().map(String::as_str).collect();
    let (mut items, mut role, mut at) = (Vec::<Item>::new(), String::new(), 0);
    let mut done_to = None;
    while at < tokens.len() {
        let token = &tokens[at];
        let lower = token.text.to_lowercase();
        let phrase = synonyms().phrase_at(&texts[at..]);
        let folded = token.kind == Kind::Exact && synonyms().name(&lower) != lower || synonyms().is_name(&lower);
        let (taken, name) = phrase.unwrap_or((1, if folded { &lower } else { texts[at] }));
        let kind = if phrase.is_some() || folded { Kind::Word } else { token.kind };
        let role_of = if tokens.get(at + taken).is_some_and(|next| next.text == "'s") { "of" } else { &role };
        let role_of = role_of.to_owned();
        at += taken;
        let stranded = tokens.get(at).is_none_or(|next| next.kind == Kind::Pause) && token.text != "'s";
        let bound = BINDING.contains(&token.text.as_str()) && stranded;
        if phrase.is_none() && !bound && binds(token, &mut role) {
            continue;
        }
        let name = synonyms().name(name).to_owned();
        let written = tokens[at - taken..at].iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ");
        if at > taken && is_passive(&tokens[at - taken - 1], token) && done_to.is_none() {
            done_to = undergone(&mut items);
        }
        items.push(Item { kind, name, written, role: role_of, is_name: token.name });
    }
    // What is done comes before what it is done to, as in the active: `can dogs be washed`, `can I wash dogs`.
    if let Some(at) = done_to {
        items[at].role.clear();
        items[..=at].rotate_right(1);
    }
    items
}

/// The place of what is done, where a word says to what; otherwise a word that says that it is suffered.
fn undergone(items: &mut Vec<Item>) -> Option<usize> {
    if items.last().is_some_and(|last| last.name == "get") {
        items.pop();
    } else if !items.is_empty() {
        return Some(items.len());
    }
    items.push(Item::word("undergo"));
    None
}

/// `be washed`, `get paid`.
fn is_passive(before: &Token, token: &Token) -> bool {
    let being =
        ["be", "been", "being", "is", "are", "was", "were", "get", "gets", "got", "am"].contains(&before.text.as_str());
    let text = token.text.as_str();
    being
        && token.kind == Kind::Word
        && (text.ends_with("ed") || stem(text) != text && !text.ends_with('s') && !text.ends_with("ing"))
}

/// Whether a token only binds or says nothing; a pause and a preposition change what binds the next words.
fn binds(token: &Token, role: &mut String) -> bool {
    let text = token.text.as_str();
    if token.kind == Kind::Pause {
        role.clear();
    } else if CLAUSES.contains(&text) {
        // What follows is said of what stands before; no preposition before it binds that.
        role.clear();
        return EMPTY.contains(&text);
    } else if token.kind == Kind::Word && BINDING.contains(&text) {
        text.clone_into(role);
        if text == "'s" {
            role.clear();
        }
    } else {
        let says = token.kind != Kind::Word || DENYING.contains(&text);
        let empty = EMPTY.contains(&text) || OWNERS.iter().any(|(word, _)| *word == text);
        return !says && empty;
    }
    true
}
