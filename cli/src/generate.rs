//! The man page and the completions, from the definitions of the arguments.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{
    Args, EXIT_STATUS, Generate, Generated, LIST_EXAMPLES, PIPE_EXAMPLES, RECOVER_EXAMPLES, SERVE_EXAMPLES,
    STRIP_EXAMPLES, UNDO_EXAMPLES,
};
use crate::exit::{Status, UsageError};

/// Prints what was asked for to standard output.
pub(crate) fn run(generate: &Generate) -> Result<Status, UsageError> {
    let mut page = Vec::new();
    match generate.what {
        Generated::Man => man(&mut page).map_err(|error| UsageError::new(error.to_string()))?,
        Generated::Completions { shell } => {
            clap_complete::generate(shell, &mut visible(), "unlabel", &mut page);
        }
    }
    // A reader that goes away has seen what it wanted.
    let _ = io::stdout().write_all(&page);
    Ok(Status::Success)
}

/// The command without what is for packagers only.
fn visible() -> Command {
    let command = Args::command();
    let shown: Vec<_> = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    let shell = Command::new("unlabel")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .propagate_version(true);
    command.get_about().map_or(shell.clone(), |about| shell.about(about.clone())).subcommands(shown)
}

/// One page for the command and its subcommands.
fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut root = visible();
    root.build();
    let page = Man::new(root.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    writeln!(out, ".SH SYNOPSIS")?;
    for command in root.get_subcommands_mut() {
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
        writeln!(out, "{}\n.br", usage.lines().map(str::trim).collect::<Vec<_>>().join(" "))?;
    }
    for command in root.get_subcommands() {
        subcommand(command, out)?;
    }
    writeln!(out, ".SH EXAMPLES\n.nf")?;
    verbatim(LIST_EXAMPLES, out)?;
    verbatim(STRIP_EXAMPLES, out)?;
    verbatim(PIPE_EXAMPLES, out)?;
    verbatim(RECOVER_EXAMPLES, out)?;
    verbatim(UNDO_EXAMPLES, out)?;
    verbatim(SERVE_EXAMPLES, out)?;
    writeln!(out, ".fi\n.SH EXIT STATUS\n.nf")?;
    verbatim(EXIT_STATUS, out)?;
    writeln!(out, ".fi\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nWhen set, nothing is coloured.")?;
    page.render_version_section(out)
}

/// A section for the subcommand, with its options below their headings.
fn subcommand(command: &Command, out: &mut dyn Write) -> io::Result<()> {
    let page = Man::new(command.clone());
    let mut body = Vec::new();
    page.render_description_section(&mut body)?;
    page.render_options_section(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    writeln!(out, ".SH \"UNLABEL {}\"", command.get_name().to_uppercase())?;
    for line in body.lines() {
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION") => {}
            Some(heading) => writeln!(out, ".SS {heading}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Lines as they are, with what the formatter would read as its own escaped.
fn verbatim(text: &str, out: &mut dyn Write) -> io::Result<()> {
    for line in text.lines() {
        writeln!(out, "{}", line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"))?;
    }
    Ok(())
}
