// from memory(lines) | decode json as Reading | filter temperature > | select { a = temperature } | sink console()
fn pipeline() -> Pipeline {
    ::core::compile_error! {
        "this expression is not complete: expected an expression after it\nhelp: complete it, or take the operator away"
    }
    {
        #[allow(unused, clippy::all)]
        {
            #[allow(unused_imports)]
            use ::millstream::expand::Certain as _;
            #[allow(unused_imports)]
            use ::millstream::expand::Cloned as _;
            let _ = ::millstream::pipeline::from(
                    ({
                        #[allow(unused_imports)]
                        use ::millstream::source::*;
                        memory
                    })(lines),
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
                .stage("select { a = temperature }")
                .rows({
                    move |__item, __input, __out| {
                        '__row0: {
                            __input.open(__item.data);
                            while let ::std::option::Option::Some(__row) = __input.next()
                            {
                                '__row1: {
                                    let __row1 = __Row1 {
                                        a: __input
                                            .settle(
                                                match ::millstream::expand::Attempt(__row.temperature)
                                                    .__value()
                                                {
                                                    ::std::result::Result::Ok(__value) => __value,
                                                    ::std::result::Result::Err(__fault) => {
                                                        __input.failed(__fault.within("a"));
                                                        break '__row1;
                                                    }
                                                },
                                            ),
                                    };
                                    __out.emit(__row1);
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
            #[derive(Clone, Copy)]
            struct __Row1<C0> {
                a: C0,
            }
            ::millstream::row!(__Row1Builders, __Row1 { a : C0 });
            #[allow(dead_code)]
            struct __Used;
            impl ::millstream::schema::Projection for __Used {
                const NAMES: &'static [&'static str] = &["temperature"];
                const REST: bool = false;
                const EXCEPT: &'static [&'static str] = &[];
                const EVENT_TIME: bool = false;
            }
        }
        ::millstream::expand::broken()
    }
}
