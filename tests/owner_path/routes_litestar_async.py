"""Labels and comments over HTTP."""

from litestar import Controller, Response, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import NotAuthorizedException
from litestar.params import JSONBody

from app.database.sessions import reading, writing
from app.labels import queries
from app.labels.models import CommentRead, CommentWrite, LabelChange, LabelRead, LabelWithNotes
from app.web.authentication import require_api_key
from app.web.parameters import Id, UUIDId
from app.web.responses import CONFLICT, NOT_FOUND, or_404


class LabelController(Controller):
    tags = ("labels",)

    @post("/labels", responses=CONFLICT, guards=[require_api_key], raises=[NotAuthorizedException])
    async def create_label(self, data: JSONBody[LabelChange]) -> LabelWithNotes:
        """Create a label."""
        async with writing() as session:
            label = await queries.create_label(session, data)
        return LabelWithNotes.model_validate(label)

    @get("/labels")
    async def list_labels(self) -> list[LabelRead]:
        """List labels."""
        async with reading() as session:
            labels = await queries.list_labels(session)
        return [LabelRead.model_validate(label) for label in labels]

    @get("/labels/{label_id:str}", responses=NOT_FOUND)
    async def read_label(self, label_id: Id) -> LabelWithNotes:
        """Read a label with its notes."""
        async with reading() as session:
            label = await queries.read_label(session, label_id)
        return LabelWithNotes.model_validate(or_404(label, "label", label_id))

    @put("/labels/{label_id:str}", responses=NOT_FOUND | CONFLICT, guards=[require_api_key])
    async def replace_label(self, label_id: Id, data: JSONBody[LabelChange]) -> LabelWithNotes:
        """Replace a label and its notes."""
        async with writing() as session:
            label = await queries.replace_label(session, label_id, data)
        return LabelWithNotes.model_validate(or_404(label, "label", label_id))

    @post("/comments", responses=CONFLICT)
    async def create_comment(self, data: JSONBody[CommentWrite]) -> Response[CommentRead]:
        """Create a comment, and answer it after the response."""
        async with writing() as session:
            comment = await queries.create_comment(session, data)
        return Response(CommentRead.model_validate(comment), background=BackgroundTask(answer, data.note_id))

    @get("/comments")
    async def list_comments(self) -> list[CommentRead]:
        """List comments."""
        async with reading() as session:
            comments = await queries.list_comments(session)
        return [CommentRead.model_validate(comment) for comment in comments]

    @get("/comments/{comment_id:str}", responses=NOT_FOUND)
    async def read_comment(self, comment_id: UUIDId) -> CommentRead:
        """Read a comment."""
        async with reading() as session:
            comment = await queries.read_comment(session, comment_id)
        return CommentRead.model_validate(or_404(comment, "comment", comment_id))


async def answer(note_id: int) -> None:
    async with writing() as session:
        await queries.create_comment(session, CommentWrite(text="Thank you.", note_id=note_id))
