// from memory(lines, follow = 5s) | decode json as Reading else skip | filter temperature > {threshold} | sink console()
fn pipeline() -> Pipeline {
    {
        #[allow(unused_imports)]
        use ::millstream::expand::Certain as _;
        #[allow(unused_imports)]
        use ::millstream::expand::Cloned as _;
        let __cap0 = ::millstream::pipeline::capture(threshold);
        #[allow(
            unused_assignments,
            unused_labels,
            unused_variables,
            unused_parens,
            unused_braces,
            clippy::all
        )]
        let __pipeline = ::millstream::pipeline::from(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::source::*;
                    memory
                })(lines)
                    .follow(::millstream::time::Duration::from_secs(5)),
            )
            .decode::<
                <Reading as ::millstream::schema::StreamSchema>::Itself,
                __Used,
                _,
            >(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::decode::*;
                    json
                })(),
            )
            .else_skip()
            .stage("filter temperature > { threshold }")
            .rows({
                let __cap0 = ::std::clone::Clone::clone(&__cap0);
                move |__item, __input, __out| {
                    '__row0: {
                        __input.open(__item.data);
                        while let ::std::option::Option::Some(__row) = __input.next() {
                            '__row1: {
                                if !::millstream::schema::Predicate::keep(
                                    match ::millstream::expand::Attempt(
                                            __row.temperature > __cap0,
                                        )
                                        .__value()
                                    {
                                        ::std::result::Result::Ok(__value) => __value,
                                        ::std::result::Result::Err(__fault) => {
                                            __input.failed(__fault);
                                            break '__row1;
                                        }
                                    },
                                ) {
                                    __input.filtered();
                                    break '__row1;
                                }
                                __out.emit(__row);
                            }
                        }
                    }
                }
            })
            .sink(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::sink::*;
                    console
                })(),
            );
        #[allow(dead_code)]
        struct __Used;
        impl ::millstream::schema::Projection for __Used {
            const NAMES: &'static [&'static str] = &["temperature"];
            const REST: bool = true;
            const EXCEPT: &'static [&'static str] = &[];
            const EVENT_TIME: bool = false;
        }
        __pipeline
    }
}
