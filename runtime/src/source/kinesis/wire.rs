//! Reading the answers to GetRecords quicker than the SDK does; all else that goes over the wire is the SDK's.
//!
//! What a reader receives is nearly all payloads, in base64, within JSON. The SDK looks at every byte of them by itself, and
//! makes a string of each that it then decodes. Here the end of a string is found many bytes at a time, and a payload is
//! decoded from where it came. Whatever is not common, such as a string with an escape, is given to the SDK's own reader, so
//! that there is one opinion of what it means.
//!
//! Kinesis knows a binary form too, `application/x-amz-cbor-1.1`, which the SDK for Java sends. It is no form of the SDK for
//! Rust, and what servers for tests make of it differs: some refuse it, and some take its times, which are milliseconds, for
//! seconds. So we send what every SDK for Rust sends.

use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol;
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_schema::codec::DynCodec;
use aws_smithy_schema::protocol::ClientProtocolInner;
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeId};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::endpoint::Endpoint;
use aws_smithy_types::error::metadata::Builder;

mod answer;

use answer::Answer;

/// JSON 1.1 as the SDK speaks it, with a reader of our own for the answers to GetRecords.
#[derive(Debug)]
pub(super) struct Json(AwsJsonRpcProtocol);

impl Json {
    pub(super) fn new() -> Self {
        Self(AwsJsonRpcProtocol::aws_json_1_1().with_default_namespace("com.amazonaws.kinesis"))
    }
}

impl ClientProtocolInner for Json {
    type Request = Request;
    type Response = Response;

    fn deserialize_response<'a>(
        &self,
        response: &'a Response,
        output: &Schema<'_>,
        cfg: &'a ConfigBag,
    ) -> Result<Box<dyn ShapeDeserializer + 'a>, SerdeError> {
        match response.body().bytes() {
            Some(body) if output.shape_id() == GetRecordsOutput::SCHEMA.shape_id() => Ok(Box::new(Answer::new(body))),
            _ => self.0.deserialize_response(response, output, cfg),
        }
    }

    fn protocol_id(&self) -> &ShapeId<'static> {
        self.0.protocol_id()
    }

    fn serialize_request(
        &self,
        input: &dyn SerializableStruct,
        schema: &Schema<'_>,
        endpoint: &str,
        cfg: &ConfigBag,
    ) -> Result<Request, SerdeError> {
        self.0.serialize_request(input, schema, endpoint, cfg)
    }

    fn parse_error_metadata(&self, response: &Response, cfg: &ConfigBag) -> Result<Builder, SerdeError> {
        self.0.parse_error_metadata(response, cfg)
    }

    fn update_endpoint(&self, request: &mut Request, endpoint: &Endpoint, cfg: &ConfigBag) -> Result<(), SerdeError> {
        self.0.update_endpoint(request, endpoint, cfg)
    }

    fn payload_codec(&self) -> Option<&dyn DynCodec> {
        self.0.payload_codec()
    }

    fn event_stream_media_type(&self) -> Option<&str> {
        self.0.event_stream_media_type()
    }

    fn parse_event_stream_error_metadata(&self, payload: &[u8]) -> Result<Builder, SerdeError> {
        self.0.parse_event_stream_error_metadata(payload)
    }
}

#[cfg(test)]
mod tests;
