//! Starts the command line.

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
