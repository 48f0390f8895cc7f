//! The commands of subscriptions and their keys.

use clap::{Args, Subcommand, ValueEnum};

/// `keys`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List subscriptions
    #[command(after_help = "Examples:\n  tollgate keys list\n  tollgate keys list -o csv")]
    List,
    /// Show one subscription (never its keys: those are shown once, at creation)
    #[command(after_help = "Examples:\n  tollgate keys show team-a -o yaml")]
    Show {
        /// The subscription's id
        id: String,
    },
    /// Create a subscription and print its keys, once
    #[command(after_help = "\
Examples:
  tollgate keys create team-a --product starter
  KEY=$(tollgate keys create team-a --product starter -q)
  tollgate keys create batch --scope api:orders --expires 2027-01-01T00:00:00Z --metadata cost_centre=42")]
    Create(CreateKey),
    /// Replace one of the two keys by a new one; the old one is refused within a second
    #[command(after_help = "\
Examples:
  tollgate keys regenerate team-a --which secondary
  tollgate keys regenerate team-a -q")]
    Regenerate {
        /// The subscription's id
        id: String,
        /// Which key
        #[arg(long, value_enum, default_value_t)]
        which: Which,
    },
    /// Block a subscription; it can be activated again
    #[command(after_help = "Examples:\n  tollgate keys suspend team-a")]
    Suspend {
        /// The subscription's id
        id: String,
    },
    /// Approve a submitted or unblock a suspended subscription
    #[command(after_help = "Examples:\n  tollgate keys activate team-a")]
    Activate {
        /// The subscription's id
        id: String,
    },
    /// Refuse a submitted subscription
    #[command(after_help = "Examples:\n  tollgate keys reject team-a")]
    Reject {
        /// The subscription's id
        id: String,
    },
    /// End a subscription for good
    #[command(after_help = "Examples:\n  tollgate keys cancel team-a")]
    Cancel {
        /// The subscription's id
        id: String,
    },
    /// Delete a subscription
    #[command(after_help = "Examples:\n  tollgate keys delete team-a")]
    Delete {
        /// The subscription's id
        id: String,
    },
}

/// Which of a subscription's two keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The primary key
    #[default]
    Primary,
    /// The secondary key
    Secondary,
}

/// `keys create`
#[derive(Clone, Debug, Args)]
pub struct CreateKey {
    /// The new subscription's id
    pub id: String,
    /// Product that it gives access to
    #[arg(long, required_unless_present = "scope")]
    pub product: Option<String>,
    /// Instead of a product: product:ID, api:ID or all
    #[arg(long, conflicts_with = "product")]
    pub scope: Option<String>,
    /// For people
    #[arg(long)]
    pub title: Option<String>,
    /// No longer valid from this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub expires: Option<jiff::Timestamp>,
    /// Only these models (repeat, or separate by commas)
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',')]
    pub models: Vec<String>,
    /// The user it belongs to
    #[arg(long)]
    pub user: Option<String>,
    /// Labels for reports (repeat)
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub metadata: Vec<(String, String)>,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as cost_centre=42".to_owned()),
    }
}
