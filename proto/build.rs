//! Compiles the wire schema without a `protoc`, and keeps its comments for `weftctl explain`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 7] = [
    "weft/v1/object.proto",
    "weft/v1/plan.proto",
    "weft/v1/session.proto",
    "weft/v1/objects.proto",
    "weft/v1/rollouts.proto",
    "weft/v1/nodes.proto",
    "weft/v1/cluster.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("weft.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .codec_path("crate::codec::SmallCodec")
        .type_attribute(
            ".weft.v1.Command.command",
            "#[allow(clippy::large_enum_variant)]",
        )
        .compile_fds(descriptors)?;
    Ok(())
}
