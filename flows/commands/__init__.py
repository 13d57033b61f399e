"""The commands of `supervisor`: each module imports what is heavy inside its functions, so that help is instant."""
