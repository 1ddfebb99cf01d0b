//! One session seen from its client: saying something in it and seeing the turn through.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::approval::{self, Answer, Approvals};
use super::client::follow::Following;
use super::client::{Client, Error};
use super::render::{self, Screen};
use super::signal::{Asked, Signals};
use crate::api::{Approval, Code, DecideApproval, Turn, TurnStatus};

/// How long a cancelled turn's server may take to say that it heard.
const CANCEL: Duration = Duration::from_secs(10);

/// How long a message that is on its way when the operator interrupts may take to arrive.
const IN_FLIGHT: Duration = Duration::from_secs(2);

/// Longer than any turn: a deadline where none was asked for.
const ENDLESS: Duration = Duration::from_hours(365 * 24);

/// A session, begun with the first message unless there is one already.
#[derive(Debug)]
pub(crate) struct Conversation {
    client: Client,
    screen: Screen,
    /// The session's id.
    pub(crate) session: Option<String>,
}

/// How saying something ended.
#[derive(Debug)]
pub(crate) enum Said {
    /// With a finished turn.
    Finished(Box<Turn>),
    /// The operator interrupted it, and the turn was cancelled.
    Interrupted(Option<Box<Turn>>),
    /// It took too long, and the turn was cancelled.
    TookTooLong,
    /// The process is to end.
    Ended,
}

/// Why a turn is stopped before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Interrupt,
    End,
    Deadline,
}

/// A turn that was followed as far as anybody here could.
struct Attended {
    turn: Turn,
    /// Whoever was asked about a call interrupted it all.
    is_interrupted: bool,
}

impl From<Turn> for Attended {
    fn from(turn: Turn) -> Self {
        Self {
            turn,
            is_interrupted: false,
        }
    }
}

/// How sending a message ended.
enum Sent {
    /// The server has it.
    Heard(Turn),
    /// The server has it, and nobody wants the answer any more.
    HeardAndStopped(Turn, Stop),
    /// Whether the server has it is not known.
    Stopped(Stop),
}

/// How one message is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    /// The text.
    pub(crate) content: &'a str,
    /// The same key is the same message, however often it is sent.
    pub(crate) key: &'a str,
    /// When it has taken too long; absent means never.
    pub(crate) timeout: Option<Duration>,
}

impl Conversation {
    /// A session that goes on, or one that begins with the first message.
    pub(crate) fn new(client: Client, session: Option<String>, screen: &Screen) -> Self {
        Self {
            client,
            screen: screen.clone(),
            session,
        }
    }

    /// The server's client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The session, begun now where there is none.
    async fn ensure(&mut self) -> Result<String, Error> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let begun = self.client.begin(&new_key()).await?;
        Ok(self.session.insert(begun.session_id).clone())
    }

    /// Says something and follows the turn to its end, or until it is stopped.
    pub(crate) async fn say(
        &mut self,
        message: Message<'_>,
        approvals: Approvals<'_>,
        signals: &mut Signals,
    ) -> Result<Said, Error> {
        let deadline = Instant::now() + message.timeout.unwrap_or(ENDLESS);
        match self.sent(message, signals, deadline).await? {
            Sent::Heard(turn) => self.see_through(turn, approvals, signals, deadline).await,
            Sent::HeardAndStopped(turn, stop) => {
                let ids = (turn.session_id.clone(), turn.turn_id.clone());
                let mut following = Following::new(&self.client, &self.screen);
                let followed = self.attend(turn, Approvals::Elsewhere, &mut following);
                self.cancel(&ids, stop, pin!(followed), signals).await
            }
            Sent::Stopped(stop) => Ok(Said::of(stop, None)),
        }
    }

    /// Sends a message. When the operator stops it on its way, the server may have it already, so
    /// its answer is waited for a little: then its turn can be cancelled too.
    async fn sent(
        &mut self,
        message: Message<'_>,
        signals: &mut Signals,
        deadline: Instant,
    ) -> Result<Sent, Error> {
        let mut sent = pin!(self.deliver(message.content, message.key));
        let stop = tokio::select! {
            turn = &mut sent => return Ok(Sent::Heard(turn?)),
            stop = stopped(signals, deadline) => stop,
        };
        let turn = tokio::select! {
            turn = timeout(IN_FLIGHT, &mut sent) => turn.ok().transpose()?,
            _ = signals.next() => None,
        };
        Ok(match turn {
            Some(turn) => Sent::HeardAndStopped(turn, stop),
            None => Sent::Stopped(stop),
        })
    }

    /// Says something; the answer is the turn as it stands.
    async fn deliver(&mut self, content: &str, key: &str) -> Result<Turn, Error> {
        let session = self.ensure().await?;
        self.client.send(&session, content, key).await
    }

    /// Follows a turn that runs already.
    pub(crate) async fn rejoin(
        &mut self,
        turn: Turn,
        approvals: Approvals<'_>,
        signals: &mut Signals,
    ) -> Result<Said, Error> {
        let deadline = Instant::now() + ENDLESS;
        self.see_through(turn, approvals, signals, deadline).await
    }

    async fn see_through(
        &self,
        turn: Turn,
        approvals: Approvals<'_>,
        signals: &mut Signals,
        deadline: Instant,
    ) -> Result<Said, Error> {
        let ids = (turn.session_id.clone(), turn.turn_id.clone());
        let mut following = Following::new(&self.client, &self.screen);
        let attended = {
            let mut followed = pin!(self.attend(turn, approvals, &mut following));
            tokio::select! {
                attended = &mut followed => attended?,
                stop = stopped(signals, deadline) => {
                    return self.cancel(&ids, stop, followed, signals).await;
                }
            }
        };
        self.finished(attended, following).await
    }

    /// Cancels a turn and sees it end.
    async fn cancel(
        &self,
        (session, turn): &(String, String),
        stop: Stop,
        followed: Pin<&mut impl Future<Output = Result<Attended, Error>>>,
        signals: &mut Signals,
    ) -> Result<Said, Error> {
        let cancelled = timeout(CANCEL, self.client.cancel(session, turn)).await;
        if !matches!(cancelled, Ok(Ok(_))) {
            self.screen
                .warn("the server did not hear that the turn is cancelled; it may go on");
            return Ok(Said::of(stop, None));
        }
        // The turn ends soon; whoever cannot wait even for that interrupts again.
        tokio::select! {
            attended = followed => Ok(Said::of(stop, Some(Box::new(attended?.turn)))),
            again = stopped(signals, Instant::now() + CANCEL) => {
                let worse = if again == Stop::End { again } else { stop };
                Ok(Said::of(worse, None))
            }
        }
    }

    /// Follows a turn to its end, and has what waits for an approval decided on the way; an
    /// unfinished one is given back when nobody decides.
    async fn attend(
        &self,
        mut turn: Turn,
        mut approvals: Approvals<'_>,
        following: &mut Following<'_>,
    ) -> Result<Attended, Error> {
        let mut known = BTreeSet::new();
        loop {
            let rests = |turn: &Turn| match &approvals {
                Approvals::Elsewhere => false,
                Approvals::Never => turn.status == TurnStatus::AwaitingApproval,
                Approvals::Asked(_) => new(turn, &known).next().is_some(),
            };
            turn = following.on(turn, rests).await?;
            let Approvals::Asked(lines) = &mut approvals else {
                return Ok(turn.into());
            };
            if turn.status.is_finished() {
                return Ok(turn.into());
            }
            following.pause();
            let asked: Vec<Approval> = new(&turn, &known).cloned().collect();
            for approval in asked {
                known.insert(approval.approval_id.clone());
                let decision = match approval::ask(lines, &approval, &self.screen).await {
                    Answer::Given(decision) => decision,
                    Answer::None { is_interrupted } => {
                        return Ok(Attended {
                            turn,
                            is_interrupted,
                        });
                    }
                };
                self.decide(&approval, &decision).await?;
            }
            following.go_on();
        }
    }

    /// Decides an approval; that somebody else has to, or did, is no failure.
    pub(crate) async fn decide(
        &self,
        approval: &Approval,
        decision: &DecideApproval,
    ) -> Result<(), Error> {
        match self.client.decide(approval, decision).await {
            Ok(_) => Ok(()),
            Err(Error::Refused(problem)) => match problem.code {
                Code::NotAnApprover => {
                    let detail = &problem.detail;
                    self.screen
                        .warn(&format!("{detail}; it waits for somebody else"));
                    Ok(())
                }
                Code::ApprovalDecided | Code::ApprovalExpired | Code::ApprovalNotFound => {
                    self.screen.note(&problem.detail);
                    Ok(())
                }
                _ => Err(Error::Refused(problem)),
            },
            Err(error) => Err(error),
        }
    }

    /// A turn that waits for an approval which nobody here gives is cancelled.
    async fn finished(
        &self,
        attended: Attended,
        mut following: Following<'_>,
    ) -> Result<Said, Error> {
        let turn = attended.turn;
        if turn.status.is_finished() {
            return Ok(Said::Finished(Box::new(turn)));
        }
        for approval in &turn.pending_approvals {
            let line = render::on_one_line(&approval.command_line);
            self.screen
                .warn(&format!("`{line}` needs an approval, and nobody gave one"));
        }
        let turn = self.client.cancel(&turn.session_id, &turn.turn_id).await?;
        following.go_on();
        let followed = self.attend(turn, Approvals::Elsewhere, &mut following);
        let turn = Box::new(followed.await?.turn);
        Ok(if attended.is_interrupted {
            Said::Interrupted(Some(turn))
        } else {
            Said::Finished(turn)
        })
    }
}

/// What a turn waits for that nobody here was asked about.
fn new<'a>(turn: &'a Turn, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Approval> {
    let pending = turn.pending_approvals.iter();
    pending.filter(move |approval| !known.contains(&approval.approval_id))
}

impl Said {
    fn of(stop: Stop, turn: Option<Box<Turn>>) -> Self {
        match stop {
            Stop::Interrupt => Self::Interrupted(turn),
            Stop::End => Self::Ended,
            Stop::Deadline => Self::TookTooLong,
        }
    }
}

async fn stopped(signals: &mut Signals, deadline: Instant) -> Stop {
    tokio::select! {
        asked = signals.next() => match asked {
            Asked::Interrupt => Stop::Interrupt,
            Asked::End => Stop::End,
        },
        () = sleep_until(deadline) => Stop::Deadline,
    }
}

/// A key that no other message has.
pub(crate) fn new_key() -> String {
    Uuid::new_v4().to_string()
}
