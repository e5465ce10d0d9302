//! The program that the tests of Kinesis kill: `kinesis_victim MODE ENDPOINT FOLDER`.

mod job;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, endpoint, folder] = words.as_slice() else { return ExitCode::from(64) };
    match job::job(mode, endpoint, folder).run_blocking() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}
