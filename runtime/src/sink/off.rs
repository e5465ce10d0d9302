//! Sinks that this build is without, as [`source`](crate::source) has them.

crate::source::off! {
    #[diagnostic::on_unimplemented(
        message = "the sink `kinesis` needs the feature `kinesis` of millstream",
        label = "`kinesis` is not in this build",
        note = "write `millstream = {{ version = \"0.1\", features = [\"kinesis\"] }}` in Cargo.toml"
    )]
    FeatureKinesis kinesis(json spread on off)
}
