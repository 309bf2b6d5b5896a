//! The command line: flags over environment over file, and what each command does with them.

mod bots;
mod capacity;
mod control;
mod floor;
mod impair;
mod order;
mod running;
mod send;
mod serve;
mod sim;
mod tickets;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// A UDP tick server: every player's position, to every player, every tick.
///
/// Without a command it serves, and takes the options of `serve`.
#[derive(Debug, Parser)]
#[command(name = "tickcast", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

/// The same with a command: then the environment of the server's settings is not looked at.
#[derive(Debug, Parser)]
#[command(name = "tickcast", version, max_term_width = 100)]
struct WithCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::ServeArgs>),
    /// Join, make one move, print what the server then says, and leave
    Send(send::SendArgs),
    /// Play with many clients, and say what they saw
    Bots(bots::BotsArgs),
    Capacity(capacity::CapacityArgs),
    Floor(floor::FloorArgs),
    Impair(impair::ImpairArgs),
    Order(order::OrderArgs),
    Sim(sim::SimArgs),
    Key(tickets::KeyArgs),
    Ticket(tickets::TicketArgs),
}

impl Cli {
    /// Reads the command line, or ends the program with what is wrong with it.
    pub fn read() -> Self {
        let first = std::env::args().nth(1).unwrap_or_default();
        if !first.is_empty() && WithCommand::command().find_subcommand(&first).is_some() {
            let command = Some(WithCommand::parse().command);
            return Self { command, serve: serve::ServeArgs::default() };
        }
        Self::parse()
    }

    /// Does what the command line says, and says how it went.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            None => serve::run(self.serve),
            Some(Command::Serve(args)) => serve::run(*args),
            Some(Command::Send(args)) => send::run(args),
            Some(Command::Bots(args)) => bots::run(args),
            Some(Command::Capacity(args)) => capacity::run(args),
            Some(Command::Floor(args)) => floor::run(args),
            Some(Command::Impair(args)) => impair::run(args),
            Some(Command::Order(args)) => order::run(args),
            Some(Command::Sim(args)) => sim::run(args),
            Some(Command::Key(args)) => tickets::make_key(args),
            Some(Command::Ticket(args)) => tickets::make_ticket(args),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Reads settings of the server as they stand in a file for `--config`.
///
/// # Errors
/// What is wrong with them, in words for a person: no settings, or a value out of bounds.
pub fn check_settings(text: &str) -> Result<(), String> {
    serve::check_settings(text)
}

/// What is told to a person when a command cannot do its work.
type CommandError = Box<dyn std::error::Error>;
