//! `choose`: the statements of the first condition that holds.

use futures_util::FutureExt;

use super::{
    Block, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "choose",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[],
    children: &[
        ElementEntry {
            name: "when",
            required: true,
            many: true,
            attributes: &[AttributeEntry::required("condition", "An expression that gives true or false.").dynamic()],
            children: &[],
            content: Content::Statements,
            text: "Statements for when the condition holds, and no `when` before it did.",
        },
        ElementEntry {
            name: "otherwise",
            required: false,
            many: false,
            attributes: &[],
            children: &[],
            content: Content::Statements,
            text: "Statements for when no condition holds.",
        },
    ],
    content: Content::Nothing,
    manual: "Looks at the conditions in their order and runs the statements of the first `when` that holds; \
             `otherwise` when none does. Later conditions are not evaluated.",
    example: r#"<choose><when condition="@(context.Request.Method == "GET")"><set-header name="x-read"><value>yes</value></set-header></when><otherwise><set-header name="x-read"><value>no</value></set-header></otherwise></choose>"#,
    build,
};

struct Choose {
    whens: Vec<(Dynamic<bool>, Block)>,
    otherwise: Option<Block>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let (mut whens, mut otherwise) = (Vec::new(), None);
    let mut complete = true;
    for child in element.elements() {
        if &*child.name == "otherwise" {
            otherwise = Some(reading.compiler.within("otherwise", |compiler| compiler.block(child.elements())));
            continue;
        }
        let step = format!("when[{}]", whens.len() + 1);
        let condition = reading.child(child).dynamic("condition");
        let block = reading.compiler.within(&step, |compiler| compiler.block(child.elements()));
        complete &= condition.is_some();
        whens.extend(condition.map(|condition| (condition, block)));
    }
    complete.then(|| Box::new(Choose { whens, otherwise }) as Box<dyn Policy>)
}

impl Policy for Choose {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        if self.reads_bodies() {
            return Step::Wait(self.wait(flow).boxed());
        }
        for (condition, block) in &self.whens {
            match condition.get(flow) {
                Ok(true) => return block.run(flow),
                Ok(false) => {}
                Err(failure) => return Step::Done(Err(failure)),
            }
        }
        self.otherwise.as_ref().map_or(Step::NEXT, |block| block.run(flow))
    }

    fn may_wait(&self) -> bool {
        self.reads_bodies() || self.inner().any(Block::may_wait)
    }

    fn runs_in_preflight(&self) -> bool {
        self.inner().flat_map(Block::statements).any(|statement| statement.policy.runs_in_preflight())
    }

    fn blocks(&self) -> Vec<(String, &Block)> {
        let whens = self.whens.iter().enumerate().map(|(at, (_, block))| (format!("when[{}]", at + 1), block));
        whens.chain(self.otherwise.iter().map(|block| ("otherwise".to_owned(), block))).collect()
    }
}

impl Choose {
    fn inner(&self) -> impl Iterator<Item = &Block> {
        self.whens.iter().map(|(_, block)| block).chain(&self.otherwise)
    }

    fn reads_bodies(&self) -> bool {
        self.whens.iter().any(|(condition, _)| condition.needs() != Needs::NONE)
    }

    /// A body is read when a condition that wants it is reached, not before: a `when` before it may have spared that.
    async fn wait(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        for (condition, block) in &self.whens {
            flow.hold(condition.needs()).await?;
            if condition.get(flow)? {
                return run(block, flow).await;
            }
        }
        match &self.otherwise {
            Some(block) => run(block, flow).await,
            None => Ok(Verdict::Continue),
        }
    }
}

async fn run(block: &Block, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
    match block.run(flow) {
        Step::Done(result) => result,
        Step::Wait(waiting) => waiting.await,
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_first_that_holds_runs() {
        let set = |value: &str| format!(r#"<set-variable name="v" value="{value}" />"#);
        let rows = [("true", "true", "1"), ("false", "true", "2"), ("False", "FALSE", "3")];
        for (first, second, wanted) in rows {
            let text = format!(
                r#"<choose><when condition="{first}">{}</when><when condition="{second}">{}</when>
                   <otherwise>{}</otherwise></choose>"#,
                set("1"),
                set("2"),
                set("3"),
            );
            let played = Scene::new().section("inbound", &text).run();
            assert_eq!(played.variable("v").as_deref(), Some(wanted), "{first} {second}");
        }
    }

    #[test]
    fn inner_troubles_and_bad_conditions_are_told() {
        let text = r#"<choose><when condition="maybe"><set-heade name="a" /></when></choose>"#;
        let troubles = Scene::new().section("inbound", text).troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains("`maybe` is not true or false")), "{troubles:?}");
        assert!(troubles.iter().any(|trouble| trouble.contains("did you mean `set-header`")), "{troubles:?}");
    }
}
