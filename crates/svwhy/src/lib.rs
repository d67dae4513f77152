pub fn run(_: &[std::ffi::OsString]) -> Result<dt_cli::Exit, dt_cli::Fatal> {
    Ok(dt_cli::Exit::OK)
}
