//! Sources that this build is without: a pipeline that names one is told which feature to enable, and nothing else.

/// Stands in for a source or sink: a function of its name that no type fits, and the words of its options.
macro_rules! off {
    ($(#[$sentence:meta])* $trait:ident $connector:ident($($word:ident)*)) => {
        /// No type has this.
        $(#[$sentence])*
        pub trait $trait {
            /// There is none.
            type Connector;
            /// Cannot be called.
            fn connector(self) -> Self::Connector;
        }

        /// Says which feature it needs.
        pub fn $connector<T: $trait>(what: T) -> T::Connector {
            what.connector()
        }

        #[allow(non_upper_case_globals, missing_docs)]
        pub mod $connector {
            $(pub const $word: () = ();)*
            pub fn at<T>(_time: T) {}
        }
    };
}

#[cfg(not(feature = "kinesis"))]
pub(crate) use off;

#[cfg(not(feature = "kinesis"))]
off! {
    #[diagnostic::on_unimplemented(
        message = "the source `kinesis` needs the feature `kinesis` of millstream",
        label = "`kinesis` is not in this build",
        note = "write `millstream = {{ version = \"0.1\", features = [\"kinesis\"] }}` in Cargo.toml"
    )]
    FeatureKinesis kinesis(latest trim_horizon earliest fail skip)
}

#[cfg(not(feature = "socket"))]
off! {
    #[diagnostic::on_unimplemented(
        message = "the source `socket` needs the feature `socket` of millstream",
        label = "`socket` is not in this build",
        note = "write `millstream = {{ version = \"0.1\", features = [\"socket\"] }}` in Cargo.toml"
    )]
    FeatureSocket socket()
}
