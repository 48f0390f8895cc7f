//! The commands of models: those of every kind of objects, their prices, and counting.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Objects;

/// The commands of models.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// Those of every kind of objects.
    #[command(flatten)]
    Objects(Objects),
    /// Show what models cost, or take over a newer table of prices
    #[command(after_help = "\
Examples:
  tollgate models prices
  tollgate models prices --model gpt-4o -o json
  tollgate models prices --from genai-prices.json      (data of github.com/pydantic/genai-prices, version 2)
  tollgate models prices --built-in

Dollars per million tokens. Own prices are written under `prices` in the configuration, or sent to the admin API.")]
    Prices(Prices),
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

/// `models prices`
#[derive(Debug, Args)]
pub struct Prices {
    /// Only this model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Use the table in this file from now on, on every replica; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "built_in")]
    pub from: Option<PathBuf>,
    /// Go back to the built-in table
    #[arg(long)]
    pub built_in: bool,
}
