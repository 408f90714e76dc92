package swiftlet.runtime;

/** JSON that does not fit the function's types, or values that JSON has no form for. */
final class MappingException extends RuntimeException {
    private static final long serialVersionUID = 1;

    MappingException(String message) {
        super(message);
    }

    MappingException(String message, Throwable cause) {
        super(message, cause);
    }
}
