//! `tollgate policy explain`: the effective policy, each line with the scope it comes from, and what it costs.

use serde_json::{Value as Json, json};

use super::world::{self, World};
use crate::{
    cli::{
        args::{Global, PolicyExplain},
        exit::{Exit, Failure},
        place, print,
    },
    policies::{Block, Needs, Statement, Trouble, compile, compile::OnUnsupported},
    policy::{self, Document, Scope, Section},
    settings::{PolicySource, Settings},
};

/// Runs the command.
pub fn run(global: &Global, asked: &PolicyExplain) -> Result<(), Failure> {
    let (world, documents) = match &asked.file {
        Some(file) => of_file(file)?,
        None => of_configuration(global, asked)?,
    };
    let (view, warnings) = view(&world, &documents).map_err(|troubles| super::not_compiled(&troubles))?;
    match global.output {
        print::Format::Table => print::data(&told(&view, documents.is_empty()))?,
        print::Format::Csv => print::data(&print::render(global.output, &view, &COLUMNS))?,
        other => print::data(&print::render_one(other, &Json::Array(view)))?,
    }
    for warning in &warnings {
        print::say(&super::told(warning));
    }
    Ok(())
}

const COLUMNS: [&str; 6] = ["section", "scope", "path", "place", "reads", "note"];

type Documents = Vec<(Scope, Document)>;

fn of_file(file: &std::path::Path) -> Result<(World, Documents), Failure> {
    let name = file.display().to_string();
    let document = Document::read(&name, &super::read(file)?).map_err(|problems| super::refused(&problems))?;
    let world = World::open();
    let (world, document) = world.fitting(&document).map_err(|problems| super::refused(&problems))?;
    let documents = vec![(Scope::Api, document)];
    Ok((world.with_names_of(documents.iter().map(|(_, document)| document)), documents))
}

fn of_configuration(global: &Global, asked: &PolicyExplain) -> Result<(World, Documents), Failure> {
    let source = place::configuration(global)?.ok_or_else(|| {
        Failure::usage("name a policy document, or a configuration with --config and what it is about with --api")
    })?;
    let loaded = place::load(&source).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Configuration, lines.join("\n"))
    })?;
    let settings = loaded.settings;
    let world = World::of(&settings).map_err(|problems| super::refused(&problems))?;
    let mut documents = Vec::new();
    for (scope, name, source) in sources(&settings, asked)? {
        let file = world::file_of(source, &name);
        let document = Document::read(&file, &world::text_of(source)).map_err(|problems| super::refused(&problems))?;
        let document = world.complete(&document).map_err(|problems| super::refused(&problems))?;
        documents.push((scope, document));
    }
    Ok((world.with_names_of(documents.iter().map(|(_, document)| document)), documents))
}

/// The documents that apply, the widest first.
fn sources<'s>(
    settings: &'s Settings,
    asked: &PolicyExplain,
) -> Result<Vec<(Scope, String, &'s PolicySource)>, Failure> {
    let mut found = Vec::new();
    let unknown = |what: &str, id: &str| Failure::usage(format!("the configuration has no {what} `{id}`"));
    found.extend(settings.policies.global.as_ref().map(|source| (Scope::Global, "policies.global".to_owned(), source)));
    let api = match &asked.api {
        Some(id) => Some(settings.apis.iter().find(|api| api.id.as_str() == id).ok_or_else(|| unknown("API", id))?),
        None => None,
    };
    if let Some(id) = api.and_then(|api| api.workspace.as_ref()) {
        let workspace = settings.workspaces.iter().find(|workspace| workspace.id == *id);
        let source = workspace.and_then(|workspace| workspace.policy.as_ref());
        found.extend(source.map(|source| (Scope::Workspace, format!("workspaces.{id}"), source)));
    }
    if let Some(id) = &asked.product {
        let product = settings.products.iter().find(|product| product.id.as_str() == id);
        let product = product.ok_or_else(|| unknown("product", id))?;
        found.extend(product.policy.as_ref().map(|source| (Scope::Product, format!("products.{id}"), source)));
    }
    if let Some(api) = api {
        found.extend(api.policy.as_ref().map(|source| (Scope::Api, format!("apis.{}", api.id), source)));
        if let Some(id) = &asked.operation {
            let own = api.operations.iter().find(|operation| operation.id.as_str() == id);
            let source = own.and_then(|operation| operation.policy.as_ref()).or_else(|| api.operation_policies.get(id));
            found.extend(source.map(|source| (Scope::Operation, format!("apis.{}.{id}", api.id), source)));
        }
    }
    Ok(found)
}

/// The effective policy, a row a statement, and what is odd about it.
fn view(world: &World, documents: &[(Scope, Document)]) -> Result<(Vec<Json>, Vec<Trouble>), Vec<Trouble>> {
    let scopes: Vec<(Scope, Option<&Document>)> =
        documents.iter().map(|(scope, document)| (*scope, Some(document))).collect();
    let (mut rows, mut odd) = (Vec::new(), Vec::new());
    for section in Section::ALL {
        let told = |problem: policy::Problem| vec![Trouble { place: problem.place, message: problem.message }];
        let elements = policy::effective(section, &scopes).map_err(told)?;
        let mut document = Document::built_in();
        document.root.children.clear();
        let mut element = Document::built_in().section(section).cloned();
        if let Some(element) = &mut element {
            element.children = elements.iter().cloned().map(policy::Child::Element).collect();
            document.root.children.push(policy::Child::Element(element.clone()));
        }
        let (compiled, warnings) = compile(&document, Scope::Operation, world, OnUnsupported::FailWhenReached)?;
        odd.extend(warnings);
        let Some(block) = compiled.section(section) else { continue };
        statements(section, block, 0, &elements, &mut rows);
    }
    Ok((rows, odd))
}

fn statements(section: Section, block: &Block, depth: usize, elements: &[policy::Element], rows: &mut Vec<Json>) {
    for statement in block.statements() {
        rows.push(json!({
            "section": section.name(),
            "scope": scope_of(&statement.place, elements).map(Scope::name),
            "depth": depth,
            "path": &*statement.path,
            "policy": statement.name,
            "place": statement.place.to_string(),
            "reads": reads(statement.policy.needs()),
            "note": note(statement),
        }));
        for (_, inner) in statement.policy.blocks() {
            statements(section, inner, depth + 1, elements, rows);
        }
    }
}

/// The scope of the element that was written there.
fn scope_of(place: &policy::Place, elements: &[policy::Element]) -> Option<Scope> {
    elements.iter().find_map(|element| {
        let own = (element.place == *place).then_some(element.scope).flatten();
        let inner: Vec<policy::Element> = element.elements().cloned().collect();
        own.or_else(|| scope_of(place, &inner).or_else(|| contains(element, place).then_some(element.scope).flatten()))
    })
}

fn contains(element: &policy::Element, place: &policy::Place) -> bool {
    element.elements().any(|child| child.place == *place || contains(child, place))
}

fn reads(needs: Needs) -> &'static str {
    match (needs.request_body, needs.response_body) {
        (false, false) => "",
        (true, false) => "request body",
        (false, true) => "response body",
        (true, true) => "both bodies",
    }
}

fn note(statement: &Statement) -> &'static str {
    match (statement.policy.needs() == Needs::NONE, statement.policy.may_wait()) {
        (false, _) => "keeps the whole body in memory before it runs; a streamed one waits here",
        (true, true) => "may wait for somebody else",
        (true, false) => "",
    }
}

fn told(rows: &[Json], is_bare: bool) -> String {
    let mut lines = Vec::new();
    if is_bare {
        lines.push("No document applies: requests are forwarded as they are.".to_owned());
    }
    let text = |row: &Json, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    for section in Section::ALL {
        lines.push(section.name().to_owned());
        for row in rows.iter().filter(|row| row["section"] == section.name()) {
            let depth = usize::try_from(row["depth"].as_u64().unwrap_or_default()).unwrap_or_default();
            let indent = "  ".repeat(depth + 1);
            let note = text(row, "note");
            let note =
                if note.is_empty() { String::new() } else { format!("  [{}{}]", prefix(&text(row, "reads")), note) };
            lines.push(format!(
                "{indent}{} <- {} {}{note}",
                text(row, "policy"),
                text(row, "scope"),
                text(row, "place")
            ));
        }
    }
    let buffering = rows.iter().filter(|row| row["reads"] != "").count();
    lines.push(match buffering {
        0 => "No policy reads a body: bodies pass as they come.".to_owned(),
        1 => "One policy reads a body.".to_owned(),
        many => format!("{many} policies read a body."),
    });
    lines.push(String::new());
    lines.join("\n")
}

fn prefix(reads: &str) -> String {
    if reads.is_empty() { String::new() } else { format!("{reads}: ") }
}
