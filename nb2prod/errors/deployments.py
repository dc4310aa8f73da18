"""Undeployed: why a release does not answer where it should, may not, or cannot be made again.

ShipError
├── ReleaseUnfit         NB430  it was started and did not answer as it should
├── DeploymentUnknown    NB431  the notebook was never promoted
├── NothingBefore        NB432  there is nothing to roll back to
├── NothingLive          NB433  there is nothing to try a release beside
├── ShareWrong           NB434  a canary's share is no share
├── GatewayNotReady      NB435  the process that owns the port does not answer
├── PortKept             NB436  the notebook answers at another port already
├── TargetSwapsNot       NB437  the target starts releases, and swaps none
├── ReleaseChanged       NB440  something of it is not what was signed
├── ReleaseForeign       NB441  nobody signed it, or somebody who is not trusted
├── SigningKeyUnusable   NB442  the key that signs cannot be used
├── OriginMissing        NB443  it does not hold what it was made from
├── DataMissing          NB444  a file that its notebook read is gone
├── DataChanged          NB445  a file that its notebook read is another one
├── EnvironmentNotMade   NB446  its packages cannot be had here
└── NotRebuilt           NB447  its notebook does not get as far as a service any more
"""

from __future__ import annotations

from attrs import field

from nb2prod.errors.base import ShipError, define


@define
class ReleaseUnfit(ShipError):
    """A release was started, and did not answer as it should."""

    release: str
    reason: str
    log: str = field(default="", repr=False)

    code = "NB430"

    @property
    def message(self) -> str:
        return f"'{self.release}' was not promoted: {self.reason}."

    @property
    def cure(self) -> str:
        return "What was live answers as before. Read the log below, mend the notebook or the machine, and ship again."

    @property
    def detail(self) -> str | None:
        return self.log or None


@define
class DeploymentUnknown(ShipError):
    """A notebook was named that was never promoted."""

    notebook: str

    code = "NB431"

    @property
    def message(self) -> str:
        return f"No release of '{self.notebook}' was promoted here."

    @property
    def cure(self) -> str:
        return "List what was with `nb2prod deployments`, and promote a release with `nb2prod promote RELEASE`."


@define
class NothingBefore(ShipError):
    """There is nothing to roll back to."""

    notebook: str

    code = "NB432"

    @property
    def message(self) -> str:
        return f"Nothing was live for '{self.notebook}' before what is live now."

    @property
    def cure(self) -> str:
        return "Promote another release (`nb2prod releases` lists them), or stop it with `nb2prod stop NOTEBOOK`."


@define
class NothingLive(ShipError):
    """There is nothing to try a release beside."""

    notebook: str

    code = "NB433"

    @property
    def message(self) -> str:
        return f"Nothing is live for '{self.notebook}', so there are no requests to share or to copy."

    @property
    def cure(self) -> str:
        return "Promote a release without --canary and --shadow first."


@define
class ShareWrong(ShipError):
    """A canary's share is no share."""

    given: str

    code = "NB434"

    @property
    def message(self) -> str:
        return f"A release cannot be tried with {self.given}."

    @property
    def cure(self) -> str:
        return "Give a share of the requests between 0 and 1, such as --canary 0.1, to a release that is not live."


@define
class GatewayNotReady(ShipError):
    """The process that owns a deployment's port does not answer."""

    notebook: str
    reason: str
    log: str = field(default="", repr=False)

    code = "NB435"

    @property
    def message(self) -> str:
        return f"The gateway of '{self.notebook}' does not answer: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Promote the release again, which starts the gateway where it is gone; give another --port if it is taken."
        )

    @property
    def detail(self) -> str | None:
        return self.log or None


@define
class PortKept(ShipError):
    """A notebook answers at another port already."""

    notebook: str
    port: int

    code = "NB436"

    @property
    def message(self) -> str:
        return f"'{self.notebook}' answers at port {self.port}, and its clients know that."

    @property
    def cure(self) -> str:
        return "Promote without --port; to move, stop it first with `nb2prod stop NOTEBOOK`."


@define
class TargetSwapsNot(ShipError):
    """A target starts releases, and swaps none."""

    target: str

    code = "NB437"

    @property
    def message(self) -> str:
        return f"The target '{self.target}' cannot put one release in the place of another."

    @property
    def cure(self) -> str:
        return "Use `--target local`, or what runs your services there."


@define
class ReleaseChanged(ShipError):
    """Something of a release is not what was signed."""

    release: str
    path: str

    code = "NB440"

    @property
    def message(self) -> str:
        return f"'{self.path}' of release '{self.release}' is missing, was added, or is not what was released."

    @property
    def cure(self) -> str:
        return (
            "Do not use it before you know who changed it. Put the file back from where you keep releases, or ship "
            "again; what lies in the BentoML store is imported anew after `bentoml delete TAG`."
        )


@define
class ReleaseForeign(ShipError):
    """A release was signed by nobody, or by somebody whom the policy does not trust."""

    release: str
    signer: str | None
    own: str | None

    code = "NB441"

    @property
    def message(self) -> str:
        if self.signer is None:
            return f"Nobody signed release '{self.release}'."
        return f"Release '{self.release}' was signed with a key that is neither yours nor trusted: {self.signer}."

    @property
    def cure(self) -> str:
        if self.signer is None:
            return 'Ship again, or say `signatures = "off"` in [tool.nb2prod.policy].'
        return (
            "If you know whose key it is, list it in the project's pyproject.toml: "
            f'[tool.nb2prod.policy] trusted_keys = ["{self.signer}"].'
        )


@define
class SigningKeyUnusable(ShipError):
    """The key that signs releases cannot be used."""

    path: str
    reason: str

    code = "NB442"

    @property
    def message(self) -> str:
        return f"The signing key '{self.path}' cannot be used: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Set NB2PROD_SIGNING_KEY_FILE to a file that can be written, or NB2PROD_SIGNING_KEY to a key "
            "(`openssl genpkey -algorithm ed25519`)."
        )


@define
class OriginMissing(ShipError):
    """A release does not hold what it was made from."""

    release: str

    code = "NB443"

    @property
    def message(self) -> str:
        return f"Release '{self.release}' does not hold the notebook that it was made from."

    @property
    def cure(self) -> str:
        return "Its folder was thinned out, or an older nb2prod made it: ship the notebook again to have one that does."


@define
class DataMissing(ShipError):
    """A file that the notebook read is not there."""

    path: str
    folder: str

    code = "NB444"

    @property
    def message(self) -> str:
        return f"The notebook read '{self.path}', which is not in {self.folder}."

    @property
    def cure(self) -> str:
        return "Put it there, or name the folder that has it: --data FOLDER."


@define
class DataChanged(ShipError):
    """A file that the notebook read is another one now."""

    path: str
    folder: str
    was: str
    now: str

    code = "NB445"

    @property
    def message(self) -> str:
        return f"'{self.path}' in {self.folder} is not what the notebook read: SHA-256 {self.now}, and was {self.was}."

    @property
    def cure(self) -> str:
        return "Name a folder that has the file as it was: --data FOLDER. To learn from the new one, ship again."


@define
class EnvironmentNotMade(ShipError):
    """The environment of a release cannot be made here."""

    python: str
    reason: str

    code = "NB446"

    @property
    def message(self) -> str:
        return f"An environment with Python {self.python} and the release's packages cannot be made: {self.reason}."

    @property
    def cure(self) -> str:
        return "Install that Python and see that its packages can be had, or reproduce without --fresh."


@define
class NotRebuilt(ShipError):
    """The notebook of a release does not get as far as a service any more."""

    release: str
    reason: str
    log: str = field(default="", repr=False)

    code = "NB447"

    @property
    def message(self) -> str:
        return f"'{self.release}' could not be made again: {self.reason}."

    @property
    def cure(self) -> str:
        return "Look for what it needs besides its record: other packages (--fresh), the network, a clock, a secret."

    @property
    def detail(self) -> str | None:
        return self.log or None
