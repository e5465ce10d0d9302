// from kinesis("readings", start = latest) | decode json as Reading | watermark 10s
//        | group_by { device_id, w = tumbling(1min) } | agg { n = count(), mean = avg(temperature) }
//        | select { .., date = w.start.date() } | sink parquet("out", partition_by = [date])
fn pipeline() -> Pipeline {
    {
        #[allow(unused_imports)]
        use ::millstream::expand::Certain as _;
        #[allow(unused_imports)]
        use ::millstream::expand::Cloned as _;
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
                    kinesis
                })("readings")
                    .start({
                        #[allow(unused_imports)]
                        use ::millstream::source::*;
                        kinesis::latest
                    }),
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
            .watermark(::millstream::time::Duration::from_secs(10))
            .stage("watermark 10s")
            .stage("group_by { device_id , w = tumbling (1min) }")
            .stage("agg { n = count () , mean = avg (temperature) }")
            .keyed(
                ::millstream::operator::reduce::KeyedSpec {
                    window_name: "w",
                    keys: &["device_id"],
                    window: ::millstream::operator::WindowSpec::tumbling(
                        ::millstream::time::Duration::from_mins(1),
                    ),
                    name: "device_id, tumbling(1min)".to_owned(),
                    values: &["n", "mean"],
                },
                {
                    move |__item, __input, __out| {
                        '__row0: {
                            __input.open(__item.data);
                            while let ::std::option::Option::Some(__row) = __input.next()
                            {
                                '__row1: {
                                    let __at = __input
                                        .watermark(
                                            ::millstream::schema::EventTime::event_time(&__row),
                                        );
                                    let __key1_0 = __row.device_id;
                                    let __at1 = __at;
                                    let __update2_0 = {
                                        #[allow(unused_imports)]
                                        use ::millstream::agg::*;
                                        count()
                                    };
                                    let __arg3_1_0 = match ::millstream::expand::Attempt(
                                            __row.temperature,
                                        )
                                        .__value()
                                    {
                                        ::std::result::Result::Ok(__value) => __value,
                                        ::std::result::Result::Err(__fault) => {
                                            __input.failed(__fault.within("mean"));
                                            break '__row1;
                                        }
                                    };
                                    let __update3_1 = {
                                        #[allow(unused_imports)]
                                        use ::millstream::agg::*;
                                        avg(__arg3_1_0)
                                    };
                                    if let ::std::option::Option::Some((__state0, __state1)) = __out
                                        .group((__key1_0,), __at1)
                                    {
                                        ::millstream::agg::Update::apply(
                                            __update2_0,
                                            __state0,
                                            __at1,
                                        );
                                        ::millstream::agg::Update::apply(
                                            __update3_1,
                                            __state1,
                                            __at1,
                                        );
                                        __out.applied();
                                    }
                                }
                            }
                        }
                    }
                },
            )
            .stage("select { .., date = w . start . date () }")
            .rows({
                move |__item, __input, __out| {
                    '__row0: {
                        let (__k0,) = __item.key;
                        let (__v0, __v1) = __item.values;
                        let __row1 = __Row1 {
                            device_id: __k0,
                            w: __item.window,
                            n: __v0,
                            mean: __v1,
                        };
                        let __row2 = __Row2 {
                            device_id: __row1.device_id,
                            w: __row1.w,
                            n: __row1.n,
                            mean: __row1.mean,
                            date: __input
                                .settle(
                                    match ::millstream::expand::Attempt(__row1.w.start.date())
                                        .__value()
                                    {
                                        ::std::result::Result::Ok(__value) => __value,
                                        ::std::result::Result::Err(__fault) => {
                                            __input.failed(__fault.within("date"));
                                            break '__row0;
                                        }
                                    },
                                ),
                        };
                        if false {
                            ::millstream::schema::kind::partition_key(__row2.date);
                        }
                        __out.emit(__row2);
                    }
                }
            })
            .sink(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::sink::*;
                    parquet
                })("out")
                    .partition_by(&["date"]),
            );
        #[allow(dead_code)]
        #[derive(Clone, Copy)]
        struct __Row1<C0, C1, C2, C3> {
            device_id: C0,
            w: C1,
            n: C2,
            mean: C3,
        }
        #[allow(dead_code)]
        #[derive(Clone, Copy)]
        struct __Row2<C0, C1, C2, C3, C4> {
            device_id: C0,
            w: C1,
            n: C2,
            mean: C3,
            date: C4,
        }
        ::millstream::row!(
            __Row2Builders, __Row2 { device_id : C0, w : C1, n : C2, mean : C3, date : C4
            }
        );
        #[allow(dead_code)]
        struct __Used;
        impl ::millstream::schema::Projection for __Used {
            const NAMES: &'static [&'static str] = &["device_id", "temperature"];
            const REST: bool = false;
            const EXCEPT: &'static [&'static str] = &[];
            const EVENT_TIME: bool = true;
        }
        __pipeline
    }
}
