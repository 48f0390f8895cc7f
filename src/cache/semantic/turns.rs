//! A prompt's tokens turned into one plain question: without manners, the asking word first, what was said before it
//! behind it.
//!
//! Deliberately not here: what the question's words are (`form`).

use super::{
    lexicon::{Ask, BINDING, FRONTED, ORDERS},
    phrases::{Phrase, fits, phrases},
    stem::stem,
    token::{Kind, Token},
};

/// The question that the tokens ask, what kind it is, and how many of its first tokens say so.
pub(super) fn question(tokens: Vec<Token>) -> (Vec<Token>, Ask, usize) {
    let mut all = asked_first(counted_first(turned(versus(remedied(told(without_manners(tokens)))))));
    let (ask, taken) = asked(&all);
    infinitives(&mut all[taken..]);
    verb_first(&mut all, ask, taken);
    (all, ask, taken)
}

/// `A team has how many players?` asks how many it has.
fn counted_first(tokens: Vec<Token>) -> Vec<Token> {
    let word = |word: &str| Token { kind: Kind::Word, text: word.to_owned(), name: false };
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|token| words.contains(&token.text.as_str()));
    let found = (2..tokens.len()).find(|at| is(*at, &["how"]) && is(at + 1, &["many", "much"]));
    let Some(at) = found.filter(|at| is(at - 1, &["has", "have", "contains", "contain"])) else { return tokens };
    if asked(&tokens).1 > 0 || tokens[..at].iter().any(|token| token.kind == Kind::Pause) {
        return tokens;
    }
    let end = tokens.len() - tokens.iter().rev().take_while(|token| token.kind == Kind::Pause).count();
    let (owner, counted) = (&tokens[..at - 1], &tokens[at..end]);
    [counted, &[word("does")], owner, &[word("have")]].concat()
}

/// `My card was declined, why?`, `On which port does it run?`: the asking word first.
fn asked_first(mut tokens: Vec<Token>) -> Vec<Token> {
    if asked(&tokens).1 > 0 {
        return tokens;
    }
    let pauses = tokens.iter().rev().take_while(|token| token.kind == Kind::Pause).count();
    let end = tokens.len() - pauses;
    let is = |at: Option<usize>, words: &[&str]| {
        at.and_then(|at| tokens.get(at)).is_some_and(|token| words.contains(&token.text.as_str()))
    };
    let paused = end.checked_sub(2).is_some_and(|at| tokens[at].kind == Kind::Pause);
    if paused && is(end.checked_sub(1), &["why", "when", "where"]) {
        let word = tokens.remove(end - 1);
        tokens.insert(0, word);
    } else if is(Some(0), &["for"]) && is(Some(1), &["how"]) {
        tokens.remove(0);
    } else if is(Some(0), BINDING) && is(Some(1), &["what", "which", "whom"]) {
        let word = tokens.remove(0);
        tokens.insert(end - 1, word);
    }
    tokens
}

/// The `to` of an infinitive binds nothing: `safe to take` is not `send to Ann`.
fn infinitives(tokens: &mut [Token]) {
    for at in 1..tokens.len() {
        let verb = phrases().verbs.contains(&stem(&tokens[at].text));
        if verb && tokens[at].kind == Kind::Word && tokens[at - 1].text == "to" {
            tokens[at - 1] = Token { kind: Kind::Pause, text: ",".to_owned(), name: false };
        }
    }
}

/// `Which languages do people speak`: what is done comes first, as in `which languages are spoken`.
fn verb_first(all: &mut Vec<Token>, ask: Ask, taken: usize) {
    const AUXILIARY: &[&str] = &["do", "does", "did", "can", "could", "should", "must", "may"];
    if matches!(ask, Ask::How | Ask::When) {
        return made_first(all, taken);
    }
    if !matches!(ask, Ask::What | Ask::Which | Ask::HowMany | Ask::HowMuch) {
        return;
    }
    let rest = &all[taken..];
    let Some(aux) = rest.iter().take(6).position(|token| AUXILIARY.contains(&token.text.as_str())) else { return };
    let plain = rest[..aux].iter().all(|token| token.kind != Kind::Pause);
    let who = rest.get(aux + 1).map(|token| token.text.as_str());
    let verb = rest
        .get(aux + 2)
        .is_some_and(|token| token.kind == Kind::Word && !matches!(token.text.as_str(), "have" | "not"));
    if aux > 0 && plain && verb && matches!(who, Some("i" | "we" | "people")) {
        let people = who == Some("people");
        let verb = all.remove(taken + aux + 2);
        if people {
            all.remove(taken + aux + 1);
        }
        all.insert(taken, verb);
    }
}

/// `How is steel made` is `how to make steel`; `when was it bought` is not `when did it buy`.
fn made_first(all: &mut [Token], taken: usize) {
    let is = |at: Option<usize>| {
        let token = at.and_then(|at| all.get(at));
        token.is_some_and(|token| matches!(token.text.as_str(), "is" | "are" | "was" | "were"))
    };
    let being = is(taken.checked_sub(1)) || is(Some(taken));
    let made = |token: &Token| {
        let text = token.text.as_str();
        token.kind == Kind::Word && stem(text) != text && !text.ends_with('s') && !text.ends_with("ing")
    };
    let ends = |token: Option<&Token>| {
        token.is_none_or(|next| next.kind == Kind::Pause || BINDING.contains(&next.text.as_str()))
    };
    let rest = &all[taken..];
    let found = (1..rest.len()).find(|at| made(&rest[*at]) && ends(rest.get(at + 1)));
    if let Some(at) = found.filter(|_| being) {
        all[taken..=taken + at].rotate_right(1);
    }
}

/// Without what is said for manners before and after.
fn without_manners(mut tokens: Vec<Token>) -> Vec<Token> {
    let whole = tokens.clone();
    while let Some(taken) = phrases().manners.iter().filter_map(|phrase| begins(&tokens, phrase)).max() {
        tokens.drain(..taken);
    }
    let pauses = tokens.iter().take_while(|token| token.kind == Kind::Pause).count();
    tokens.drain(..pauses);
    let order = tokens.first().is_some_and(|first| matches!(first.text.as_str(), "can" | "could" | "would" | "will"));
    let you = tokens.get(1).is_some_and(|second| second.text == "you");
    if order && you && tokens.get(2).is_some_and(|third| ORDERS.contains(&third.text.as_str())) {
        tokens.drain(..2);
        tokens.drain(..usize::from(tokens[0].text == "please"));
    }
    while let Some(taken) = phrases().thanks.iter().filter_map(|phrase| ends(&tokens, phrase)).max() {
        tokens.truncate(tokens.len() - taken);
    }
    if tokens.iter().any(|token| token.kind != Kind::Pause) { tokens } else { whole }
}

/// `A vs B` asks for the difference between A and B.
fn versus(mut tokens: Vec<Token>) -> Vec<Token> {
    let word = |word: &str| Token { kind: Kind::Word, text: word.to_owned(), name: false };
    let found =
        tokens.iter().position(|token| token.kind == Kind::Word && matches!(token.text.as_str(), "vs" | "versus"));
    let differing = tokens.iter().any(|token| token.text.starts_with("differ"));
    if let Some(at) = found.filter(|at| *at > 0 && !differing && asked(&tokens).1 == 0) {
        tokens.retain(|token| token.kind != Kind::Pause);
        if let Some(token) = tokens.get_mut(at) {
            *token = word("and");
        }
        tokens.splice(0..0, ["what", "is", "difference", "between"].map(word));
    }
    tokens
}

/// `I want to ..., how do I do that` is `how do I ...`.
fn told(mut tokens: Vec<Token>) -> Vec<Token> {
    let lead = phrases().needs.iter().filter_map(|phrase| begins(&tokens, phrase)).max();
    let tail = phrases().tails.iter().filter_map(|phrase| ends(&tokens, phrase)).max();
    let asked_last = tail.is_some_and(|tail| tail < 3) && asked(&tokens).1 == 0;
    if let (Some(lead), Some(tail)) = (lead.or(asked_last.then_some(0)), tail)
        && lead + tail < tokens.len()
    {
        tokens.truncate(tokens.len() - tail);
        let how = ["how", "to"].map(|word| Token { kind: Kind::Word, text: word.to_owned(), name: false });
        tokens.splice(..lead, how);
    }
    tokens
}

/// `My card is lost, what should I do?` is `what to do if my card is lost`.
fn remedied(mut tokens: Vec<Token>) -> Vec<Token> {
    let tail = phrases().remedies.iter().filter_map(|phrase| ends(&tokens, phrase)).max();
    let Some(tail) = tail.filter(|_| asked(&tokens).1 == 0) else { return tokens };
    tokens.truncate(tokens.len() - tail);
    let fronted = tokens.first().is_some_and(|first| matches!(first.text.as_str(), "if" | "when"));
    tokens.drain(..usize::from(fronted));
    let asking = ["what", "to", "do", "if"].map(|word| Token { kind: Kind::Word, text: word.to_owned(), name: false });
    tokens.splice(0..0, asking);
    tokens
}

/// How many tokens a phrase takes where the tokens begin with it; pauses before it count.
fn begins(tokens: &[Token], phrase: &Phrase) -> Option<usize> {
    let pauses = tokens.iter().take_while(|token| token.kind == Kind::Pause).count();
    let taken = fits(&tokens[pauses..], phrase)?;
    Some(pauses + taken)
}

fn ends(tokens: &[Token], phrase: &Phrase) -> Option<usize> {
    let pauses = tokens.iter().rev().take_while(|token| token.kind == Kind::Pause).count();
    let kept = &tokens[..tokens.len() - pauses];
    let length = phrase.len();
    let tail = kept.get(kept.len().checked_sub(length)?..)?;
    (kept.len() > length && fits(tail, phrase).is_some()).then_some(pauses + length)
}

/// `In nginx, how can I ...` is `how can I ... in nginx`.
fn turned(mut tokens: Vec<Token>) -> Vec<Token> {
    let pause = tokens.iter().position(|token| token.kind == Kind::Pause);
    let Some(pause) = pause.filter(|at| tokens.len() > at + 2) else { return tokens };
    let fronted = tokens[pause].text == ":"
        || tokens
            .first()
            .is_some_and(|first| BINDING.contains(&first.text.as_str()) || FRONTED.contains(&first.text.as_str()));
    let again =
        asked(&tokens[pause + 1..]).1 > 0 || fronted && !tokens[pause + 1..].iter().any(|one| one.kind == Kind::Pause);
    if fronted && again && asked(&tokens[..pause]).0 != Ask::How {
        while tokens.last().is_some_and(|last| last.kind == Kind::Pause) {
            tokens.pop();
        }
        let mut tail = tokens.split_off(pause + 1);
        tokens.pop();
        tail.push(Token { kind: Kind::Pause, text: ",".to_owned(), name: false });
        tail.extend(tokens);
        return tail;
    }
    tokens
}

/// What the first words ask, and how many they are.
fn asked(tokens: &[Token]) -> (Ask, usize) {
    let embedded = usize::from(tokens.first().is_some_and(|first| matches!(first.text.as_str(), "if" | "whether")));
    let inner = &tokens[embedded..];
    let first = inner.first().map_or("", |first| first.text.as_str());
    let best = phrases()
        .asking_with(first)
        .iter()
        .filter_map(|(phrase, ask)| fits(inner, phrase).map(|taken| (taken, *ask)))
        .rev()
        .max_by_key(|found| found.0);
    if let Some((taken, ask)) = best {
        return (ask, taken + embedded);
    }
    if embedded == 0 {
        // `Sorting a list` asks how it is done.
        let doing = tokens.first().is_some_and(|first| {
            first.kind == Kind::Word && first.text.ends_with("ing") && phrases().verbs.contains(&stem(&first.text))
        });
        return (if doing { Ask::How } else { Ask::None }, 0);
    }
    // "whether I can pay": the auxiliary stands after its subject.
    let later = inner.iter().take(4).find_map(|token| {
        let known = phrases().asking_with(&token.text);
        let found = known.iter().find(|(phrase, _)| phrase.len() == 1).map(|(_, ask)| *ask);
        found
            .filter(|ask| matches!(ask, Ask::Is | Ask::Do | Ask::Can | Ask::Should | Ask::Must | Ask::Will | Ask::Have))
    });
    (later.unwrap_or(Ask::Do), embedded)
}
