//! Help, man page and completions come from one set of definitions.

use insta::assert_snapshot;

use crate::environment::Environment;

#[test]
fn help_is_grouped_and_has_examples() {
    let environment = Environment::new();
    assert_snapshot!(environment.run("--help").ended(0));
    assert_snapshot!(environment.run("strip -h").ended(0));
    assert_snapshot!(environment.run("strip --help").ended(0));
    assert_snapshot!(environment.run("list --help").ended(0));
}

#[test]
fn the_manual_knows_every_option_examples_and_exit_status() {
    let environment = Environment::new();
    let page = environment.run("generate man").ended(0).out();
    let help = environment.run("strip --help").out();
    let options = help.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")));
    let mut known = 0;
    for option in options {
        let option = option.split([',', '[', '=']).next().unwrap().replace('-', "\\-");
        assert!(page.contains(&option), "{option} is not in the manual");
        known += 1;
    }
    assert!(known >= 15, "{known}");
    for section in [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH EXIT STATUS", ".SH ENVIRONMENT"] {
        assert!(page.contains(section), "{section}");
    }
    assert!(!page.contains("generate"));
}

#[test]
fn every_shell_has_completions() {
    let environment = Environment::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = environment.run(&format!("generate completions {shell}")).ended(0).out();
        assert!(script.contains("ignore-value"), "{shell}");
        assert!(!script.contains("generate"), "{shell}");
    }
}

#[test]
fn packagers_commands_are_not_in_the_help() {
    assert!(!Environment::new().run("--help").out().contains("generate"));
}
