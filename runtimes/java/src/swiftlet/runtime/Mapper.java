package swiftlet.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/**
 * Events to the types that handlers take, by the rules of Lambda's own mapper: unknown members are ignored, `null` is a
 * primitive's zero, one value counts as an array of it, texts and numbers stand for each other.
 */
final class Mapper {
    /** Says that a type is not made of one text, number or boolean; `null` is a value that one of these may mean. */
    private static final Object NO_SCALAR = new Object();

    private Mapper() {}

    /** Makes a value of a type from what {@link Json} has parsed. */
    static Object read(Object json, Type type) {
        return read(json, type, Collections.emptyMap());
    }

    private static Object read(Object json, Type unresolved, Map<TypeVariable<?>, Type> bindings) {
        Type type = Types.resolve(unresolved, bindings);
        Class<?> raw = Types.raw(type);
        if (raw == Optional.class) {
            return Optional.ofNullable(read(json, Types.argument(type, Optional.class, 0), bindings));
        }
        if (json == null) {
            return raw.isPrimitive() ? Array.get(Array.newInstance(raw, 1), 0) : emptyOptional(raw);
        }
        if (raw == Object.class || raw == java.io.Serializable.class) {
            return natural(json);
        }
        if (raw.isArray()) {
            return array(json, type, bindings);
        }
        if (Collection.class.isAssignableFrom(raw) || raw == Iterable.class) {
            return collection(json, type, raw, bindings);
        }
        if (Map.class.isAssignableFrom(raw)) {
            return map(json, type, raw, bindings);
        }
        Object scalar = json instanceof Map || json instanceof List ? NO_SCALAR : scalar(json, raw);
        return scalar != NO_SCALAR ? scalar : structured(json, type, raw);
    }

    private static Object emptyOptional(Class<?> raw) {
        if (raw == OptionalInt.class) {
            return OptionalInt.empty();
        }
        if (raw == OptionalLong.class) {
            return OptionalLong.empty();
        }
        return raw == OptionalDouble.class ? OptionalDouble.empty() : null;
    }

    /** A value whose type the function leaves open. */
    private static Object natural(Object json) {
        if (json instanceof Json.Number) {
            return ((Json.Number) json).natural();
        }
        if (json instanceof Map) {
            Map<String, Object> members = new LinkedHashMap<>();
            ((Map<?, ?>) json).forEach((name, value) -> members.put((String) name, natural(value)));
            return members;
        }
        if (json instanceof List) {
            List<Object> elements = new ArrayList<>();
            ((List<?>) json).forEach(element -> elements.add(natural(element)));
            return elements;
        }
        return json;
    }

    private static List<?> elements(Object json) {
        return json instanceof List ? (List<?>) json : Collections.singletonList(json);
    }

    private static Object array(Object json, Type type, Map<TypeVariable<?>, Type> bindings) {
        Class<?> raw = Types.raw(type);
        if (raw == byte[].class && json instanceof String) {
            return base64((String) json);
        }
        if (raw == char[].class && json instanceof String) {
            return ((String) json).toCharArray();
        }
        Type element = type instanceof GenericArrayType
                ? ((GenericArrayType) type).getGenericComponentType() : raw.getComponentType();
        List<?> elements = elements(json);
        Object array = Array.newInstance(raw.getComponentType(), elements.size());
        for (int index = 0; index < elements.size(); index += 1) {
            Array.set(array, index, read(elements.get(index), element, bindings));
        }
        return array;
    }

    private static Object collection(Object json, Type type, Class<?> raw, Map<TypeVariable<?>, Type> bindings) {
        Collection<Object> result = newCollection(raw);
        Type element = Types.argument(type, Iterable.class, 0);
        for (Object value : elements(json)) {
            result.add(read(value, element, bindings));
        }
        return result;
    }

    @SuppressWarnings("unchecked")
    private static Collection<Object> newCollection(Class<?> raw) {
        if (raw.isAssignableFrom(ArrayList.class)) {
            return new ArrayList<>();
        }
        if (raw.isAssignableFrom(LinkedHashSet.class)) {
            return new LinkedHashSet<>();
        }
        if (SortedSet.class.isAssignableFrom(raw) && raw.isAssignableFrom(TreeSet.class)) {
            return new TreeSet<>();
        }
        if (Queue.class.isAssignableFrom(raw) && raw.isAssignableFrom(ArrayDeque.class)) {
            return new ArrayDeque<>();
        }
        return (Collection<Object>) newInstance(raw);
    }

    @SuppressWarnings("unchecked")
    private static Object map(Object json, Type type, Class<?> raw, Map<TypeVariable<?>, Type> bindings) {
        if (!(json instanceof Map)) {
            throw mismatch(json, raw);
        }
        Map<Object, Object> result;
        if (raw.isAssignableFrom(LinkedHashMap.class)) {
            result = new LinkedHashMap<>();
        } else if (SortedMap.class.isAssignableFrom(raw) && raw.isAssignableFrom(TreeMap.class)) {
            result = new TreeMap<>();
        } else {
            result = (Map<Object, Object>) newInstance(raw);
        }
        Type key = Types.argument(type, Map.class, 0);
        Type value = Types.argument(type, Map.class, 1);
        ((Map<?, ?>) json).forEach((name, member) -> result.put(read(name, key, bindings), read(member, value, bindings)));
        return result;
    }

    private static Object newInstance(Class<?> raw) {
        if (raw.isInterface() || Modifier.isAbstract(raw.getModifiers())) {
            throw new MappingException("cannot make a " + raw.getName() + ": it is abstract");
        }
        try {
            return raw.getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new MappingException("cannot make a " + raw.getName(), e);
        }
    }

    /** Texts, numbers and booleans, and what is made of one of them. */
    private static Object scalar(Object json, Class<?> raw) {
        if (raw == String.class || raw == CharSequence.class) {
            return json.toString();
        }
        if (raw == boolean.class || raw == Boolean.class) {
            return truth(json, raw);
        }
        if (raw.isPrimitive() && raw != char.class || Number.class.isAssignableFrom(raw)) {
            return number(json, raw);
        }
        if (raw == char.class || raw == Character.class) {
            String text = json.toString();
            if (text.length() != 1) {
                throw mismatch(json, raw);
            }
            return text.charAt(0);
        }
        if (raw.isEnum()) {
            return constant(json.toString(), raw);
        }
        if (raw == ByteBuffer.class) {
            return ByteBuffer.wrap(base64(json.toString()));
        }
        if (raw == UUID.class) {
            return UUID.fromString(json.toString());
        }
        if (raw == OptionalInt.class) {
            return OptionalInt.of((Integer) number(json, int.class));
        }
        if (raw == OptionalLong.class) {
            return OptionalLong.of((Long) number(json, long.class));
        }
        if (raw == OptionalDouble.class) {
            return OptionalDouble.of((Double) number(json, double.class));
        }
        if (raw == Class.class) {
            throw new MappingException("an event may not name a class to load");
        }
        if (raw == Date.class || raw.getName().startsWith("java.time.")) {
            return Times.read(json, raw);
        }
        return raw.getName().startsWith("java.") ? parsed(json.toString(), raw) : NO_SCALAR;
    }

    private static Object truth(Object json, Class<?> raw) {
        if (json instanceof Boolean) {
            return json;
        }
        if (json instanceof Json.Number) {
            return ((Json.Number) json).decimal().signum() != 0;
        }
        if ("true".equalsIgnoreCase((String) json) || "false".equalsIgnoreCase((String) json)) {
            return Boolean.valueOf((String) json);
        }
        throw mismatch(json, raw);
    }

    private static Object number(Object json, Class<?> raw) {
        if (json instanceof Boolean) {
            throw mismatch(json, raw);
        }
        String text = json.toString().trim();
        if (text.isEmpty()) {
            return raw.isPrimitive() ? number(new Json.Number("0"), raw) : null;
        }
        try {
            if (raw == double.class || raw == Double.class) {
                return Double.valueOf(text);
            }
            if (raw == float.class || raw == Float.class) {
                return Float.valueOf(text);
            }
            if (raw == Number.class) {
                return new Json.Number(text).natural();
            }
            return exact(new BigDecimal(text), raw);
        } catch (ArithmeticException | NumberFormatException e) {
            throw new MappingException("the number " + text + " does not fit into " + raw.getName(), e);
        }
    }

    private static Object exact(BigDecimal value, Class<?> raw) {
        if (raw == BigDecimal.class) {
            return value;
        }
        if (value.precision() - (long) value.scale() > 400) {
            // To write its digits out would take a memory of any size.
            throw new ArithmeticException("too big");
        }
        BigInteger whole = value.toBigInteger();
        if (raw == int.class || raw == Integer.class) {
            return whole.intValueExact();
        }
        if (raw == long.class || raw == Long.class) {
            return whole.longValueExact();
        }
        if (raw == short.class || raw == Short.class) {
            return whole.shortValueExact();
        }
        if (raw == byte.class || raw == Byte.class) {
            return whole.byteValueExact();
        }
        if (raw == BigInteger.class) {
            return whole;
        }
        return parsed(whole.toString(), raw);
    }

    /** A constant's name that the enum does not know is `null`, as on Lambda. */
    private static Object constant(String name, Class<?> raw) {
        for (Object constant : raw.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(name)) {
                return constant;
            }
        }
        return null;
    }

    private static byte[] base64(String text) {
        try {
            return Base64.getMimeDecoder().decode(text);
        } catch (IllegalArgumentException e) {
            throw new MappingException("a text is not Base64", e);
        }
    }

    /** Other classes of Java's own that can be made of a text, such as `URI`. */
    private static Object parsed(String text, Class<?> raw) {
        try {
            try {
                return raw.getConstructor(String.class).newInstance(text);
            } catch (NoSuchMethodException e) {
                return raw.getMethod("valueOf", String.class).invoke(null, text);
            }
        } catch (InvocationTargetException e) {
            throw new MappingException("cannot make a " + raw.getName() + " of a text", e.getCause());
        } catch (ReflectiveOperationException e) {
            throw mismatch(text, raw);
        }
    }

    private static Object structured(Object json, Type type, Class<?> raw) {
        boolean isOfJava = raw.getName().startsWith("java.") || raw.isPrimitive();
        if (json instanceof Map && !isOfJava) {
            Map<TypeVariable<?>, Type> bindings = Types.bindings(type);
            return Bean.of(raw).make((Map<?, ?>) json, (value, wanted) -> read(value, wanted, bindings));
        }
        boolean isNothing = json instanceof String && ((String) json).isEmpty()
                || json instanceof List && ((List<?>) json).isEmpty();
        if (isNothing && !isOfJava) {
            return null;
        }
        if (json instanceof List && ((List<?>) json).size() == 1) {
            Iterator<?> only = ((List<?>) json).iterator();
            return read(only.next(), type);
        }
        throw mismatch(json, raw);
    }

    private static MappingException mismatch(Object json, Class<?> wanted) {
        String found = json instanceof Map ? "an object" : json instanceof List ? "an array"
                : json instanceof String ? "a text" : json instanceof Boolean ? "a boolean" : "a number";
        return new MappingException("cannot make a " + wanted.getName() + " of " + found);
    }
}
