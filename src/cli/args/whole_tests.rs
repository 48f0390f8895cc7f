//! The command line as a whole: every command shows how it is used, and flags count wherever they stand.

use clap::{CommandFactory as _, Parser as _};

use super::{Cli, Command};

#[test]
fn every_command_shows_examples() {
    fn look(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:\n  "), "`{path} --help` has no examples");
        command
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
            .for_each(|command| look(command, &path));
    }
    look(&Cli::command(), "");
}

#[test]
fn the_flags_of_a_start_count_in_front_of_the_command_too() {
    let address = "127.0.0.1:9080";
    let (listen, rest) = (["--gateway-listen", address], ["--no-watch", "--accept-ledger-loss"]);
    for words in [[&["serve"][..], &listen, &rest].concat(), [&listen[..], &rest, &["serve"]].concat()] {
        let cli = Cli::try_parse_from([&["tollgate"][..], &words].concat()).expect("understood");
        let Some(Command::Serve(serve)) = cli.command else { panic!("{words:?}") };
        let serve = serve.or(&cli.serve);
        assert_eq!(serve.listen.gateway_listen, address.parse().ok(), "{words:?}");
        assert!(serve.no_watch && serve.accept_ledger_loss, "{words:?}");
    }
    let cli = Cli::try_parse_from([&["tollgate"][..], &listen, &["demo", "--console-listen", address]].concat());
    let cli = cli.expect("understood");
    let Some(Command::Demo(demo)) = cli.command else { panic!("demo") };
    let demo = demo.or(&cli.serve.listen);
    assert_eq!((demo.gateway_listen, demo.console_listen), (address.parse().ok(), address.parse().ok()));
}
