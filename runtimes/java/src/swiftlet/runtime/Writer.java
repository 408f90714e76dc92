package swiftlet.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** What handlers return as JSON, by the rules of Lambda's own mapper; properties that are `null` are left out. */
final class Writer {
    private final StringBuilder output = new StringBuilder();

    private Writer() {}

    static String write(Object value) {
        Writer writer = new Writer();
        writer.value(value, 0);
        return writer.output.toString();
    }

    private void value(Object value, int depth) {
        if (depth > Json.DEPTH_MAX) {
            throw new MappingException("the result nests deeper than " + Json.DEPTH_MAX
                    + " levels; perhaps it contains itself");
        }
        if (value == null || value instanceof Boolean) {
            output.append(value);
        } else if (value instanceof CharSequence || value instanceof Character) {
            Json.quote(value.toString(), output);
        } else if (value instanceof Number) {
            number((Number) value);
        } else if (value instanceof Enum) {
            Json.quote(((Enum<?>) value).name(), output);
        } else if (value instanceof Map) {
            map((Map<?, ?>) value, depth);
        } else if (value instanceof Collection) {
            elements(((Collection<?>) value).iterator(), depth);
        } else if (value.getClass().isArray()) {
            array(value, depth);
        } else {
            other(value, depth);
        }
    }

    private void number(Number value) {
        double approximate = value instanceof Double || value instanceof Float ? value.doubleValue() : 0;
        if (Double.isNaN(approximate) || Double.isInfinite(approximate)) {
            Json.quote(value.toString(), output);
        } else {
            output.append(value);
        }
    }

    private void other(Object value, int depth) {
        if (value instanceof Optional) {
            value(((Optional<?>) value).orElse(null), depth + 1);
        } else if (value instanceof OptionalInt) {
            output.append(((OptionalInt) value).isPresent() ? ((OptionalInt) value).getAsInt() + "" : "null");
        } else if (value instanceof OptionalLong) {
            output.append(((OptionalLong) value).isPresent() ? ((OptionalLong) value).getAsLong() + "" : "null");
        } else if (value instanceof OptionalDouble) {
            value(((OptionalDouble) value).isPresent() ? (Object) ((OptionalDouble) value).getAsDouble() : null, depth);
        } else if (value instanceof Date) {
            output.append(((Date) value).getTime());
        } else if (value instanceof java.time.temporal.TemporalAccessor
                || value instanceof java.time.temporal.TemporalAmount) {
            Times.write(value, output);
        } else if (value instanceof ByteBuffer) {
            ByteBuffer bytes = ((ByteBuffer) value).duplicate();
            byte[] copy = new byte[bytes.remaining()];
            bytes.get(copy);
            array(copy, depth);
        } else if (value instanceof Iterable && value.getClass().getName().startsWith("java.")) {
            Json.quote(value.toString(), output);
        } else if (value instanceof Iterable) {
            elements(((Iterable<?>) value).iterator(), depth);
        } else if (value instanceof Stream) {
            elements(((Stream<?>) value).iterator(), depth);
        } else if (value instanceof Class) {
            Json.quote(((Class<?>) value).getName(), output);
        } else if (value.getClass().getName().startsWith("java.") && value.getClass() != Object.class) {
            // URI, UUID, Locale and their like: what they say of themselves.
            Json.quote(value.toString(), output);
        } else {
            bean(value, depth);
        }
    }

    private void map(Map<?, ?> map, int depth) {
        char separator = '{';
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            output.append(separator);
            separator = ',';
            Object key = entry.getKey();
            Json.quote(key instanceof Enum ? ((Enum<?>) key).name() : String.valueOf(key), output);
            output.append(':');
            value(entry.getValue(), depth + 1);
        }
        output.append(separator == '{' ? "{}" : "}");
    }

    private void elements(Iterator<?> elements, int depth) {
        output.append('[');
        while (elements.hasNext()) {
            value(elements.next(), depth + 1);
            if (elements.hasNext()) {
                output.append(',');
            }
        }
        output.append(']');
    }

    private void array(Object array, int depth) {
        if (array instanceof byte[]) {
            Json.quote(Base64.getEncoder().encodeToString((byte[]) array), output);
            return;
        }
        if (array instanceof char[]) {
            Json.quote(new String((char[]) array), output);
            return;
        }
        output.append('[');
        for (int index = 0; index < Array.getLength(array); index += 1) {
            if (index > 0) {
                output.append(',');
            }
            value(Array.get(array, index), depth + 1);
        }
        output.append(']');
    }

    private void bean(Object bean, int depth) {
        char separator = '{';
        for (Bean.Property property : Bean.of(bean.getClass()).properties()) {
            Object value = property.isReadable() ? read(property, bean) : null;
            if (value == null) {
                continue;
            }
            output.append(separator);
            separator = ',';
            Json.quote(property.name, output);
            output.append(':');
            value(value, depth + 1);
        }
        output.append(separator == '{' ? "{}" : "}");
    }

    private static Object read(Bean.Property property, Object bean) {
        try {
            return property.read(bean);
        } catch (InvocationTargetException e) {
            throw new MappingException("the getter of " + property.name + " failed", e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new MappingException("cannot read " + property.name + " of a " + bean.getClass().getName(), e);
        }
    }
}
