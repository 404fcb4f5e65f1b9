"""What Alembic runs for each upgrade: on the connection that database.py hands over, in its transaction."""

from alembic import context

from service.labels.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
