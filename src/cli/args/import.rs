//! `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Sources that can be imported.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Azure API Management: an APIOps folder, ARM templates, policy documents
    #[command(after_help = "\
Examples:
  tollgate import apim ./apimartifacts --out ./imported
  tollgate import apim azuredeploy.json --dry-run
  tollgate import apim ./policies --stats -o json
  tollgate import apim policy.xml.tpl --var-file prod.tfvars --strict

Nothing is fetched and nothing is overwritten. Secrets are not copied: the report lists what to supply.
With --strict the exit code is 7 when something could not be taken over whole.")]
    Apim(Apim),
}

/// `import apim`
#[derive(Debug, Args)]
pub struct Apim {
    /// The folder or file
    pub path: PathBuf,
    /// Where to write; a new or empty folder
    #[arg(long, value_name = "DIR", default_value = "tollgate-import")]
    pub out: PathBuf,
    /// Write nothing; print the report
    #[arg(long)]
    pub dry_run: bool,
    /// Write nothing; print how many policy documents run fully, and why the others do not
    #[arg(long)]
    pub stats: bool,
    /// Fail with exit code 7 when something could not be taken over whole
    #[arg(long)]
    pub strict: bool,
    /// Values of Terraform's `${...}`, and of the `{name}` of samples, in policy documents: JSON, YAML or tfvars
    #[arg(long, value_name = "FILE")]
    pub var_file: Option<PathBuf>,
}
