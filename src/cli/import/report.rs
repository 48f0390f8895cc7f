//! What became of each object, for people (Markdown) and programs (JSON).

use std::fmt::Write;

use serde_json::{Value, json};

use super::found::Place;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// Runs here as there.
    Converted,
    /// Runs here, not quite as it was written.
    Changed,
    /// Is there, but a part of it cannot run here.
    Unsupported,
    /// Is not taken over.
    Skipped,
}

impl Became {
    /// All, the best first.
    pub const ALL: [Self; 4] = [Self::Converted, Self::Changed, Self::Unsupported, Self::Skipped];

    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Changed => "changed",
            Self::Unsupported => "unsupported",
            Self::Skipped => "skipped",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Converted => "Converted",
            Self::Changed => "Converted with a change",
            Self::Unsupported => "Kept but unsupported",
            Self::Skipped => "Skipped",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is, such as `API` or `policy`.
    pub what: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub became: Became,
    /// Where it stands in the source.
    pub place: Place,
    /// Why, unless it was simply converted.
    pub reason: String,
    /// What to do about it; empty: nothing.
    pub fix: String,
}

/// Something that has to be supplied before the result can be served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Supply {
    /// The environment variable.
    pub variable: String,
    /// What for.
    pub what: String,
    /// Whether it is a secret.
    pub secret: bool,
}

/// How a policy document does here, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// All of it runs.
    Full,
    /// It loads; what cannot run fails when it is reached.
    Partial,
    /// It cannot be loaded.
    Refused,
}

impl Standing {
    /// The word in statistics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

/// A policy document and its standing, with the place and reason of the first trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How it does.
    pub standing: Standing,
    /// The document, and the first place where it does not run.
    pub place: Place,
    /// Every trouble: place and reason.
    pub troubles: Vec<(Place, String)>,
}

/// The whole report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Objects, in the order of the source.
    pub items: Vec<Item>,
    /// What has to be supplied.
    pub supplies: Vec<Supply>,
    /// Documents.
    pub judged: Vec<Judged>,
}

impl Report {
    /// Adds a line.
    pub fn add(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Whether something was not taken over whole: `--strict` fails then.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.items.iter().any(|item| matches!(item.became, Became::Unsupported | Became::Skipped))
            || self.judged.iter().any(|judged| judged.standing != Standing::Full)
    }

    fn count(&self, became: Became) -> usize {
        self.items.iter().filter(|item| item.became == became).count()
    }

    fn standing(&self, standing: Standing) -> usize {
        self.judged.iter().filter(|judged| judged.standing == standing).count()
    }

    /// The share of documents that run fully: `{documents, full, partial, refused, items}`.
    #[must_use]
    pub fn stats(&self) -> Value {
        let items = self.judged.iter().map(|judged| {
            let first = judged.troubles.first();
            let place = first.map_or(&judged.place, |(place, _)| place);
            json!({
                "file": judged.place.file.as_ref(),
                "status": judged.standing.word(),
                "line": first.map(|_| place.line),
                "column": first.map(|_| place.column),
                "reason": first.map(|(_, reason)| reason.as_str()),
            })
        });
        json!({
            "documents": self.judged.len(),
            "full": self.standing(Standing::Full),
            "partial": self.standing(Standing::Partial),
            "refused": self.standing(Standing::Refused),
            "items": items.collect::<Vec<_>>(),
        })
    }

    /// Everything, for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            Became::ALL.into_iter().map(|became| (became.word().to_owned(), self.count(became).into())).collect();
        let items = self.items.iter().map(|item| {
            json!({
                "what": item.what, "name": item.name, "status": item.became.word(), "file": item.place.file.as_ref(),
                "line": item.place.line, "column": item.place.column, "reason": item.reason, "fix": item.fix,
            })
        });
        let supplies = self
            .supplies
            .iter()
            .map(|supply| json!({"variable": supply.variable, "for": supply.what, "secret": supply.secret}));
        json!({
            "objects": counts,
            "items": items.collect::<Vec<_>>(),
            "supply": supplies.collect::<Vec<_>>(),
            "documents": self.stats(),
        })
    }

    /// Everything, for people: what needs them first.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("# Import from Azure API Management\n\n");
        text.push_str(&self.summary());
        self.supplies_section(&mut text);
        for became in [Became::Skipped, Became::Unsupported, Became::Changed, Became::Converted] {
            self.section(became, &mut text);
        }
        text
    }

    /// One sentence on objects, one on documents.
    #[must_use]
    pub fn summary(&self) -> String {
        let [converted, changed, unsupported, skipped] = Became::ALL.map(|became| self.count(became));
        let documents = self.judged.len();
        let full = self.standing(Standing::Full);
        let share = if documents == 0 { 100.0 } else { percent(full, documents) };
        format!(
            "{} objects: {converted} converted, {changed} with a change, {unsupported} kept but unsupported, \
             {skipped} skipped.\n{documents} policy document{}: {full} run fully ({share:.1} %), {} in part, {} refused.\n",
            self.items.len(),
            if documents == 1 { "" } else { "s" },
            self.standing(Standing::Partial),
            self.standing(Standing::Refused),
        )
    }

    fn supplies_section(&self, text: &mut String) {
        if self.supplies.is_empty() {
            return;
        }
        text.push_str(
            "\n## To supply\n\nSet these environment variables before `tollgate check` and `tollgate serve`.\n\n",
        );
        text.push_str("| variable | for | secret |\n| --- | --- | --- |\n");
        for supply in &self.supplies {
            let secret = if supply.secret { "yes" } else { "no" };
            row(&[&format!("`{}`", supply.variable), &supply.what, secret], text);
        }
    }

    fn section(&self, became: Became, text: &mut String) {
        let items: Vec<&Item> = self.items.iter().filter(|item| item.became == became).collect();
        if items.is_empty() {
            return;
        }
        // Writing to a String cannot fail.
        write!(text, "\n## {}\n\n| object | place | reason | fix |\n| --- | --- | --- | --- |\n", became.heading())
            .unwrap_or_default();
        for item in items {
            row(&[&format!("{} `{}`", item.what, item.name), &item.place.to_string(), &item.reason, &item.fix], text);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents are far below 2^52")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}

fn row(cells: &[&str], text: &mut String) {
    for cell in cells {
        text.push_str("| ");
        text.push_str(&cell.replace('|', "\\|").replace('\n', " "));
        text.push(' ');
    }
    text.push_str("|\n");
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}
