package swiftlet.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON text to plain values and text from characters: objects are {@link LinkedHashMap}, arrays {@link ArrayList},
 * numbers {@link Number} as written; {@link Mapper} makes the function's own types of them.
 */
final class Json {
    /** How deeply values may nest, so that a hostile event cannot overflow the stack. */
    static final int DEPTH_MAX = 1000;

    /** A number as it stands in the text, so that no digit is lost before its type is known. */
    static final class Number {
        final String text;

        Number(String text) {
            this.text = text;
        }

        BigDecimal decimal() {
            return new BigDecimal(text);
        }

        boolean isInteger() {
            return text.indexOf('.') < 0 && text.indexOf('e') < 0 && text.indexOf('E') < 0;
        }

        /** The smallest of Java's usual types that holds it. */
        java.lang.Number natural() {
            if (!isInteger()) {
                return Double.valueOf(text);
            }
            // Longer texts than a long's may be huge; they go the slow way.
            if (text.length() < 19) {
                long value = Long.parseLong(text);
                if (value == (int) value) {
                    return (int) value;
                }
                return value;
            }
            BigInteger value = new BigInteger(text);
            return value.bitLength() < Long.SIZE ? (java.lang.Number) value.longValue() : value;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    private final String text;
    private int position;

    private Json(String text) {
        this.text = text;
    }

    /** Parses a document; the bytes are UTF-8. */
    static Object parse(byte[] bytes) {
        return parse(new String(bytes, StandardCharsets.UTF_8));
    }

    static Object parse(String text) {
        Json parser = new Json(text);
        Object value = parser.value(0);
        parser.skipSpace();
        if (parser.position < text.length()) {
            throw parser.unexpected("the end of the document");
        }
        return value;
    }

    private Object value(int depth) {
        if (depth > DEPTH_MAX) {
            throw new MappingException("the document nests deeper than " + DEPTH_MAX + " levels");
        }
        skipSpace();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return literal("true", Boolean.TRUE);
            case 'f':
                return literal("false", Boolean.FALSE);
            case 'n':
                return literal("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        position += 1;
        skipSpace();
        if (takes('}')) {
            return members;
        }
        do {
            skipSpace();
            if (peek() != '"') {
                throw unexpected("a member's name");
            }
            String name = string();
            skipSpace();
            if (!takes(':')) {
                throw unexpected("':'");
            }
            members.put(name, value(depth + 1));
            skipSpace();
        } while (takes(','));
        if (!takes('}')) {
            throw unexpected("',' or '}'");
        }
        return members;
    }

    private List<Object> array(int depth) {
        List<Object> elements = new ArrayList<>();
        position += 1;
        skipSpace();
        if (takes(']')) {
            return elements;
        }
        do {
            elements.add(value(depth + 1));
            skipSpace();
        } while (takes(','));
        if (!takes(']')) {
            throw unexpected("',' or ']'");
        }
        return elements;
    }

    private String string() {
        int start = ++position;
        // Most strings have no escape and are a part of the text.
        for (; position < text.length(); position += 1) {
            char character = text.charAt(position);
            if (character == '"') {
                return text.substring(start, position++);
            }
            if (character == '\\') {
                return escapedString(start);
            }
        }
        throw unexpected("the end of a string");
    }

    private String escapedString(int start) {
        StringBuilder result = new StringBuilder(text.substring(start, position));
        while (position < text.length()) {
            char character = text.charAt(position++);
            if (character == '"') {
                return result.toString();
            }
            result.append(character == '\\' ? escaped() : character);
        }
        throw unexpected("the end of a string");
    }

    private char escaped() {
        char kind = peek();
        position += 1;
        switch (kind) {
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                return unicode();
            case '"':
            case '\\':
            case '/':
                return kind;
            default:
                position -= 1;
                throw unexpected("an escape");
        }
    }

    private char unicode() {
        int end = position + 4;
        try {
            char character = (char) Integer.parseUnsignedInt(text.substring(position, end), 16);
            position = end;
            return character;
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            throw unexpected("four hexadecimal digits");
        }
    }

    private Number number() {
        int start = position;
        takes('-');
        boolean startsWithZero = peek() == '0';
        int digits = digits();
        boolean isValid = digits > 0 && !(startsWithZero && digits > 1);
        if (isValid && takes('.')) {
            isValid = digits() > 0;
        }
        if (isValid && (takes('e') || takes('E'))) {
            if (!takes('+')) {
                takes('-');
            }
            isValid = digits() > 0;
        }
        if (!isValid) {
            throw unexpected("a value");
        }
        return new Number(text.substring(start, position));
    }

    private int digits() {
        int start = position;
        while (peek() >= '0' && peek() <= '9') {
            position += 1;
        }
        return position - start;
    }

    private Object literal(String word, Object value) {
        if (!text.startsWith(word, position)) {
            throw unexpected("a value");
        }
        position += word.length();
        return value;
    }

    private void skipSpace() {
        while (position < text.length() && " \t\r\n".indexOf(text.charAt(position)) >= 0) {
            position += 1;
        }
    }

    /** The next character; NUL, which no document may have outside strings, at its end. */
    private char peek() {
        return position < text.length() ? text.charAt(position) : '\0';
    }

    private boolean takes(char wanted) {
        if (peek() != wanted) {
            return false;
        }
        position += 1;
        return true;
    }

    private MappingException unexpected(String wanted) {
        String found = position < text.length() ? "'" + text.charAt(position) + "'" : "the end";
        return new MappingException("expected " + wanted + ", found " + found + " at character " + position);
    }

    /** Appends a string with its quotes. */
    static void quote(CharSequence string, StringBuilder output) {
        output.append('"');
        for (int index = 0; index < string.length(); index += 1) {
            char character = string.charAt(index);
            switch (character) {
                case '"':
                    output.append("\\\"");
                    break;
                case '\\':
                    output.append("\\\\");
                    break;
                case '\n':
                    output.append("\\n");
                    break;
                case '\r':
                    output.append("\\r");
                    break;
                case '\t':
                    output.append("\\t");
                    break;
                default:
                    if (character < ' ') {
                        output.append(String.format("\\u%04x", (int) character));
                    } else {
                        output.append(character);
                    }
            }
        }
        output.append('"');
    }
}
