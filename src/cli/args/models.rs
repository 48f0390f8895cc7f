//! The commands of models: those of every kind of objects, and counting.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Objects;

/// The commands of models.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// Those of every kind of objects.
    #[command(flatten)]
    Objects(Objects),
    /// Count the tokens of a text or a request body, on this machine and without a server
    #[command(after_help = "\
Examples:
  tollgate models count prompt.txt
  tollgate models count --model gpt-4o request.json -o json
  echo 'How long is this?' | tollgate models count

A JSON object with messages, input, prompt or contents is read as a request body, anything else as text. What OpenAI
publishes (tokenizers, frames of messages, tools, pictures) is counted; models of others are estimated, with a bound.")]
    Count(CountTokens),
}

/// `models count`
#[derive(Clone, Debug, Args)]
pub struct CountTokens {
    /// The model, as its backend names it [default: the request's own, or gpt-4o]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Text or request body; `-` reads standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub file: PathBuf,
}
