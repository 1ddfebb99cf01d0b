//! What the engine tells a supervisor, and what it hears back: frames of JSON, each behind its
//! length in four bytes, over a socket that nobody else holds. They go through memory only, so a
//! secret in an environment is in no file and in no argument.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Limits;

/// The longest frame: more than the kernel takes as arguments, and than an input may hold.
const LONGEST: usize = 64 << 20;

/// What a supervisor is started for.
#[derive(Serialize, Deserialize)]
pub(super) enum Order {
    /// To run a program.
    Run(Box<Plan>),
    /// To say what can be enforced here.
    Probe,
}

/// A program to run. It has no `Debug`, since its environment may hold secrets.
#[derive(Serialize, Deserialize)]
pub(in crate::tool) struct Plan {
    /// The file.
    pub(in crate::tool) program: PathBuf,
    /// The argument vector, the program's name as written included.
    pub(in crate::tool) words: Vec<String>,
    /// The whole environment.
    pub(in crate::tool) env: Vec<(String, String)>,
    /// The working folder.
    pub(in crate::tool) cwd: PathBuf,
    /// Standard input; absent means empty.
    pub(in crate::tool) stdin: Option<String>,
    /// A folder that goes away with the call, for when the engine went before it.
    pub(in crate::tool) private: Option<PathBuf>,
    /// What may be touched.
    pub(in crate::tool) lists: Lists,
    /// Whether nothing runs unless everything is enforced.
    pub(in crate::tool) whole: bool,
    /// How much it may take.
    pub(in crate::tool) limits: Limits,
}

/// What a program may touch; an absent list restricts nothing of its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::tool) struct Lists {
    /// To read.
    pub(in crate::tool) read: Option<Vec<PathBuf>>,
    /// To write.
    pub(in crate::tool) write: Option<Vec<PathBuf>>,
    /// To execute.
    pub(in crate::tool) exec: Option<Vec<PathBuf>>,
    /// TCP ports to connect to.
    pub(in crate::tool) connect: Option<Vec<u16>>,
}

/// What a supervisor answers, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The program did not start.
    NotStarted {
        /// Why, in words for the model.
        because: String,
    },
    /// The program ended; what it left behind may still run.
    Ended {
        /// What `wait` says of it.
        status: i32,
    },
    /// What is not enforced here.
    Lacks(Vec<String>),
}

/// What the engine says after the order, one byte each; the end of the socket says [`KILL`].
pub(super) const TERM: u8 = b't';

/// Everything ends now.
pub(super) const KILL: u8 = b'k';

/// A value as a frame.
pub(super) fn frame<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    let length = u32::try_from(json.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut frame = Vec::with_capacity(json.len() + 4);
    frame.extend(length.to_be_bytes());
    frame.extend(json);
    Ok(frame)
}

/// The value of the frame that these bytes begin with, once it is whole.
pub(super) fn framed<T: DeserializeOwned>(bytes: &[u8]) -> Option<io::Result<T>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let json = rest.get(..u32::from_be_bytes(*length) as usize)?;
    Some(serde_json::from_slice(json).map_err(io::Error::from))
}

/// Reads one frame, or the end before it.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut json = vec![0; length];
    from.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

/// Writes one frame.
pub(super) fn write<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    to.write_all(&frame(value)?)
}
