package swiftlet.runtime;

import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.HashMap;
import java.util.Map;

/** What generic types mean in a place: `T` of a `Box<String>` is `String`. */
final class Types {
    private Types() {}

    /** What the type variables of a type, its superclasses and its interfaces stand for. */
    static Map<TypeVariable<?>, Type> bindings(Type type) {
        Map<TypeVariable<?>, Type> bindings = new HashMap<>();
        collect(type, bindings);
        return bindings;
    }

    private static void collect(Type type, Map<TypeVariable<?>, Type> bindings) {
        if (type == null) {
            return;
        }
        Class<?> raw = raw(type);
        if (type instanceof ParameterizedType) {
            Type[] arguments = ((ParameterizedType) type).getActualTypeArguments();
            TypeVariable<?>[] variables = raw.getTypeParameters();
            for (int index = 0; index < variables.length; index += 1) {
                bindings.put(variables[index], resolve(arguments[index], bindings));
            }
        }
        collect(raw.getGenericSuperclass(), bindings);
        for (Type parent : raw.getGenericInterfaces()) {
            collect(parent, bindings);
        }
    }

    /** A type with its variables replaced by what they stand for; one that stands for nothing by its bound. */
    static Type resolve(Type type, Map<TypeVariable<?>, Type> bindings) {
        if (type instanceof TypeVariable) {
            Type bound = bindings.get(type);
            return bound != null ? bound : raw(((TypeVariable<?>) type).getBounds()[0]);
        }
        if (type instanceof WildcardType) {
            return resolve(((WildcardType) type).getUpperBounds()[0], bindings);
        }
        if (type instanceof ParameterizedType) {
            ParameterizedType parameterized = (ParameterizedType) type;
            Type[] arguments = parameterized.getActualTypeArguments().clone();
            for (int index = 0; index < arguments.length; index += 1) {
                arguments[index] = resolve(arguments[index], bindings);
            }
            return new Parameterized(raw(type), arguments);
        }
        return type;
    }

    static Class<?> raw(Type type) {
        if (type instanceof Class) {
            return (Class<?>) type;
        }
        if (type instanceof ParameterizedType) {
            return (Class<?>) ((ParameterizedType) type).getRawType();
        }
        if (type instanceof GenericArrayType) {
            Class<?> element = raw(((GenericArrayType) type).getGenericComponentType());
            return java.lang.reflect.Array.newInstance(element, 0).getClass();
        }
        if (type instanceof TypeVariable) {
            return raw(((TypeVariable<?>) type).getBounds()[0]);
        }
        return raw(((WildcardType) type).getUpperBounds()[0]);
    }

    /** The argument that a type gives to a variable of one of its ancestors; `Object` where it gives none. */
    static Type argument(Type type, Class<?> ancestor, int index) {
        Type found = bindings(type).get(ancestor.getTypeParameters()[index]);
        return found != null ? found : Object.class;
    }

    private static final class Parameterized implements ParameterizedType {
        private final Class<?> raw;
        private final Type[] arguments;

        Parameterized(Class<?> raw, Type[] arguments) {
            this.raw = raw;
            this.arguments = arguments;
        }

        @Override
        public Type[] getActualTypeArguments() {
            return arguments.clone();
        }

        @Override
        public Type getRawType() {
            return raw;
        }

        @Override
        public Type getOwnerType() {
            return raw.getDeclaringClass();
        }

        @Override
        public String toString() {
            return raw.getName();
        }
    }
}
